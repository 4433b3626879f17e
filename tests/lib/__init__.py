# SPDX-License-Identifier: Apache-2.0
"""What the demo and the network tests share: namespaces, captures, strongSwan peers, a cluster."""
