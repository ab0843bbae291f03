# SPDX-License-Identifier: MIT
# A sample of the mutations; `make mutants` runs all.
exec "$(dirname "$0")/run" -s
