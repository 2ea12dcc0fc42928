#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Each public header compiles without other headers, in C and in C++.
#     headers.sh SOURCE-ROOT BUILD-ROOT c|c++ COMPILER [ARGUMENT...]
set -eu
source=$1 build=$2 language=$3
shift 3

case $language in
c) standard=gnu11 ;;
*) standard=c++11 ;;
esac
if ! command -v "$1" >/dev/null 2>&1; then
    echo "there is no $language compiler"
    exit 77
fi

flags=$(pkg-config --cflags glib-2.0 gio-2.0 json-glib-1.0 libvirt)
bad=0
for header in "$source"/include/migtune/*.h; do
    # shellcheck disable=SC2086 # a list of words
    echo "#include <migtune/$(basename "$header")>" |
        "$@" -x "$language" -std=$standard -fsyntax-only -Wall -Wextra \
            -Werror -I "$source/include" -I "$build/include" $flags - || {
        echo "$header does not compile by itself as $language"
        bad=1
    }
done
exit $bad
