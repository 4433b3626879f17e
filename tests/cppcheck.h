/* SPDX-License-Identifier: Apache-2.0 */
/* For "make lint" only: loops of system headers, which cppcheck does not read. */
#define HASH_ITER(hh, head, el, tmp)            for ((el) = (head), (tmp) = (head); (el) != 0; (el) = (tmp))
#define TAILQ_FOREACH(var, head, field)         for ((var) = first_of(head); next_of(&(var));)
#define json_array_foreach(list, i, value)      for ((i) = 0; ((value) = get(list, i)) != 0; (i)++)
#define json_object_foreach(object, key, value) for ((key) = 0; ((value) = get(object, key)) != 0;)
