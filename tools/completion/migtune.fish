# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion of migtune(1) for fish: asks the command itself.

function __migtune_complete
    set -l words (commandline -opc)
    $words[1] complete -- $words[2..-1] (commandline -ct) 2>/dev/null
end

complete -c migtune -f -a '(__migtune_complete)'
