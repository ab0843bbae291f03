# SPDX-License-Identifier: MIT
# What is run in dom0.
/wabe/linux
