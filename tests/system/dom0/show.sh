# SPDX-License-Identifier: MIT
# What `make run` shows where there is no terminal.
xl info && xl list && xl vcpu-list
