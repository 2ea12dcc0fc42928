# SPDX-License-Identifier: LGPL-2.1-or-later
# Lines as a C string: sed -f quote.sed FILE
s/["\\]/\\&/g
s/.*/"&\\n"/
