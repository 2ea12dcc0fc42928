# SPDX-License-Identifier: LGPL-2.1-or-later
# Makes a string of C of a text.
s/["\\]/\\&/g
s/^/"/
s/$/\\n"/
1i static const char schema_text[] =
$a ;
