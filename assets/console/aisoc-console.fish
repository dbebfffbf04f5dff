# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_aisoc_console_global_optspecs
    string join \n endpoint= token-file= state-dir= config= theme= mouse plain wall print-default-config o/output= h/help V/version
end

function __fish_aisoc_console_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_aisoc_console_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_aisoc_console_using_subcommand
    set -l cmd (__fish_aisoc_console_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -l mouse -d 'Takes the mouse from the terminal'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -l plain -d 'Sentences, line after line, instead of a screen (as with ACCESSIBLE=1)'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -l wall -d 'Large and without any action, for a screen on a wall'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -l print-default-config -d 'Prints the default settings, each with what it is for'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -s V -l version -d 'Print version'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "status" -d 'The whole picture in a few lines; exit code 1 when something is not healthy'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "regions" -d 'Regions: role, health, weight, traffic, writer; how ready each is to take over, and what it lacks'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "health-check" -d 'Whether a region serves, as every vantage point sees it; exit code 0 only when it is healthy'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "lag" -d 'Replication links and how far each is behind'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "slis" -d 'Indicators against their objectives'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "alerts" -d 'Alerts of the platform'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "map" -d 'Who calls whom, by the traces: rate, failures and durations of each way'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "runbooks" -d 'Runbooks and what triggers each'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "runbook" -d 'A runbook, written for a region as it is now'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "ack" -d 'Acknowledges an alert by its key (see `alerts`)'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "watch" -d 'Prints a line whenever something that matters changes'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "replay" -d 'Plays a recording on the screen; with --plain as sentences. Needs no control plane'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "export" -d 'Takes a range of time out of the recording that the control planes keep (the last ten minutes by default), without names of people and tenants, addresses, directories, typed reasons and tokens'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "snapshot" -d 'Draws one page as the screen would'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "operations" -d 'Operations that run or ran'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "releases" -d 'Releases: revisions in force, their history and differences'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "green" -d 'Blue/green: a release beside the one that serves, tested, switched to by weights, and back'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "plan" -d 'Decides what an operation would do; changes nothing'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "approve" -d 'Approves another operator\'s plan that needs a second person; without `--hash` shows what it is'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "execute" -d 'Carries out a plan that was made before, for example one that a second person has approved'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "drain" -d 'Takes a region out of the load balancer\'s rotation, in steps'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "restore" -d 'Puts a region back, in steps'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "drain-renew" -d 'Lets the drain of a region last longer; without that every drain ends by itself'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "region-failover" -d 'Leaves a region that is down: its traffic and the writer go to another one (RB-003)'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "failover" -d 'Makes a region\'s database member the writer, without losing a write; with --emergency although the present writer is gone: it is fenced first, and what is lost is said before'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "fence" -d 'Stops a region\'s database member and keeps it down: the way out when two members accept writes'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "rejoin" -d 'Lets a fenced database member come back as a replica'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "promote" -d 'Makes a managed database\'s replica (RDS, Aurora) the writer; a promotion of a read replica is for ever'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "rollback" -d 'Returns a release to its last good revision, or to a named one'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "config" -d 'The console\'s settings'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "captive" -d 'Opens the console for the key of an ssh session, and nothing else (see deploy/bastion)'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "completions" -d 'Prints the completions of a shell'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "man" -d 'Prints the man page'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "keys" -d 'Prints the keys as a Markdown document'
complete -c aisoc-console -n "__fish_aisoc_console_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand status" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand status" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand status" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand status" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand status" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand status" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand regions" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand regions" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand regions" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand regions" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand regions" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand regions" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand regions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand health-check" -l region -d 'The region' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand health-check" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand health-check" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand health-check" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand health-check" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand health-check" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand health-check" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand health-check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand lag" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand lag" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand lag" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand lag" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand lag" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand lag" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand lag" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand slis" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand slis" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand slis" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand slis" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand slis" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand slis" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand slis" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand alerts" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand alerts" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand alerts" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand alerts" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand alerts" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand alerts" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand alerts" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand map" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand map" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand map" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand map" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand map" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand map" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand map" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand runbooks" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand runbooks" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand runbooks" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand runbooks" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand runbooks" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand runbooks" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand runbooks" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand runbook" -l region -d 'The region; the one where an alert of the runbook fires when absent, else the primary one' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand runbook" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand runbook" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand runbook" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand runbook" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand runbook" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand runbook" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand runbook" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand ack" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand ack" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand ack" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand ack" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand ack" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand ack" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand ack" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand watch" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand watch" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand watch" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand watch" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand watch" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand watch" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand watch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand replay" -l at -d 'Where to begin: 2026-11-22T14:02:11Z or 14:02:11 (UTC)' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand replay" -l speed -d 'How much faster than it was, 1 to 64; + and - change it' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand replay" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand replay" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand replay" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand replay" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand replay" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand replay" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand replay" -l paused -d 'Stand still at first; space plays'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand replay" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand export" -l from -d 'From when: 2026-11-22T14:02:11Z, 14:02:11 (UTC), or 10m (ago); ten minutes before the end when absent' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand export" -l to -d 'Until when' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand export" -l operation -d 'The time of an operation, from half a minute before it began to a minute after it ended: its id, or at least 8 characters of its beginning' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand export" -l file -d 'The file to write' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand export" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand export" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand export" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand export" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand export" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand export" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand export" -l keep-names -d 'Leave nothing out'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand snapshot" -l page -d 'Which page' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand snapshot" -l size -d 'Columns x rows' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand snapshot" -l world -d 'Draw a frame that `status --output json` printed, instead of the present one' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand snapshot" -l recording -d 'Draw a moment of a recording, instead of the present' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand snapshot" -l at -d 'Which moment: 2026-11-22T14:02:11Z or 14:02:11 (UTC); its first one when absent' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand snapshot" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand snapshot" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand snapshot" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand snapshot" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand snapshot" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand snapshot" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand snapshot" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and not __fish_seen_subcommand_from list show export retry acknowledge abort help" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and not __fish_seen_subcommand_from list show export retry acknowledge abort help" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and not __fish_seen_subcommand_from list show export retry acknowledge abort help" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and not __fish_seen_subcommand_from list show export retry acknowledge abort help" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and not __fish_seen_subcommand_from list show export retry acknowledge abort help" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and not __fish_seen_subcommand_from list show export retry acknowledge abort help" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and not __fish_seen_subcommand_from list show export retry acknowledge abort help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and not __fish_seen_subcommand_from list show export retry acknowledge abort help" -f -a "list" -d 'The latest ones, the newest last; older ones by `--before`. All are kept in the journal'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and not __fish_seen_subcommand_from list show export retry acknowledge abort help" -f -a "show" -d 'One, with its steps, times and figures'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and not __fish_seen_subcommand_from list show export retry acknowledge abort help" -f -a "export" -d 'Its record, to keep: all times, write outage, loss, objective, evidence, gates, steps'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and not __fish_seen_subcommand_from list show export retry acknowledge abort help" -f -a "retry" -d 'Has a held operation try its failed step again'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and not __fish_seen_subcommand_from list show export retry acknowledge abort help" -f -a "acknowledge" -d 'Says that somebody has understood how an operation ended: the block after a failover ends'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and not __fish_seen_subcommand_from list show export retry acknowledge abort help" -f -a "abort" -d 'Undoes an operation, before its point of no return'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and not __fish_seen_subcommand_from list show export retry acknowledge abort help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from list" -l before -d 'Only operations older than this one: its id, or at least 8 characters of its beginning' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from list" -l limit -d 'How many, at most 100' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from list" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from list" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from list" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from list" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from list" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from list" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from show" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from show" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from show" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from show" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from show" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from show" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from export" -l format -d 'For people or for programs' -r -f -a "markdown\t'For people: a ticket, a post-mortem'
json\t'For programs'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from export" -l file -d 'Where to; standard output when absent' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from export" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from export" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from export" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from export" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from export" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from export" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from retry" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from retry" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from retry" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from retry" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from retry" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from retry" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from retry" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from acknowledge" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from acknowledge" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from acknowledge" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from acknowledge" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from acknowledge" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from acknowledge" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from acknowledge" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from abort" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from abort" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from abort" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from abort" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from abort" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from abort" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from abort" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from help" -f -a "list" -d 'The latest ones, the newest last; older ones by `--before`. All are kept in the journal'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from help" -f -a "show" -d 'One, with its steps, times and figures'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from help" -f -a "export" -d 'Its record, to keep: all times, write outage, loss, objective, evidence, gates, steps'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from help" -f -a "retry" -d 'Has a held operation try its failed step again'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from help" -f -a "acknowledge" -d 'Says that somebody has understood how an operation ended: the block after a failover ends'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from help" -f -a "abort" -d 'Undoes an operation, before its point of no return'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand operations; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and not __fish_seen_subcommand_from list history diff help" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and not __fish_seen_subcommand_from list history diff help" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and not __fish_seen_subcommand_from list history diff help" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and not __fish_seen_subcommand_from list history diff help" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and not __fish_seen_subcommand_from list history diff help" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and not __fish_seen_subcommand_from list history diff help" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and not __fish_seen_subcommand_from list history diff help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and not __fish_seen_subcommand_from list history diff help" -f -a "list" -d 'Every release: revision in force, rollout, where a rollback would lead, blue/green'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and not __fish_seen_subcommand_from list history diff help" -f -a "history" -d 'The revisions of one, the newest last'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and not __fish_seen_subcommand_from list history diff help" -f -a "diff" -d 'The settings in which two revisions differ; by default what runs and where a rollback would lead'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and not __fish_seen_subcommand_from list history diff help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and __fish_seen_subcommand_from list" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and __fish_seen_subcommand_from list" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and __fish_seen_subcommand_from list" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and __fish_seen_subcommand_from list" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and __fish_seen_subcommand_from list" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and __fish_seen_subcommand_from list" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and __fish_seen_subcommand_from history" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and __fish_seen_subcommand_from history" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and __fish_seen_subcommand_from history" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and __fish_seen_subcommand_from history" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and __fish_seen_subcommand_from history" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and __fish_seen_subcommand_from history" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and __fish_seen_subcommand_from history" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and __fish_seen_subcommand_from diff" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and __fish_seen_subcommand_from diff" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and __fish_seen_subcommand_from diff" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and __fish_seen_subcommand_from diff" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and __fish_seen_subcommand_from diff" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and __fish_seen_subcommand_from diff" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and __fish_seen_subcommand_from help" -f -a "list" -d 'Every release: revision in force, rollout, where a rollback would lead, blue/green'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and __fish_seen_subcommand_from help" -f -a "history" -d 'The revisions of one, the newest last'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and __fish_seen_subcommand_from help" -f -a "diff" -d 'The settings in which two revisions differ; by default what runs and where a rollback would lead'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand releases; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and not __fish_seen_subcommand_from deploy switch cancel delete-blue help" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and not __fish_seen_subcommand_from deploy switch cancel delete-blue help" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and not __fish_seen_subcommand_from deploy switch cancel delete-blue help" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and not __fish_seen_subcommand_from deploy switch cancel delete-blue help" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and not __fish_seen_subcommand_from deploy switch cancel delete-blue help" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and not __fish_seen_subcommand_from deploy switch cancel delete-blue help" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and not __fish_seen_subcommand_from deploy switch cancel delete-blue help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and not __fish_seen_subcommand_from deploy switch cancel delete-blue help" -f -a "deploy" -d 'Starts green beside what serves, out of rotation, and runs smoke tests against it'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and not __fish_seen_subcommand_from deploy switch cancel delete-blue help" -f -a "switch" -d 'Switches to green by weights (10, 50, 100 %), with a check after each; blue is kept idle for an hour'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and not __fish_seen_subcommand_from deploy switch cancel delete-blue help" -f -a "cancel" -d 'Before the switch: removes green. After it: switches back to blue'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and not __fish_seen_subcommand_from deploy switch cancel delete-blue help" -f -a "delete-blue" -d 'Deletes blue when its hour is over; needs a second person (`approve`)'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and not __fish_seen_subcommand_from deploy switch cancel delete-blue help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from deploy" -l release -d 'The release\'s name' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from deploy" -l set -d 'A setting on top of those in force, `api.inject_latency_ms=5`; an empty value unsets it; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from deploy" -l confirm -d 'The region\'s or the release\'s name once more: this is the confirmation' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from deploy" -l reason -d 'Why, for the record' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from deploy" -l override -d 'Overrides a gate by name: `gate=why`; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from deploy" -l break-glass -d 'Why it has to be done although the control planes cannot agree who may act; needs a second person' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from deploy" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from deploy" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from deploy" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from deploy" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from deploy" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from deploy" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from deploy" -l wait -d 'Stay until the operation has ended, and say how'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from deploy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from switch" -l release -d 'The release\'s name' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from switch" -l confirm -d 'The region\'s or the release\'s name once more: this is the confirmation' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from switch" -l reason -d 'Why, for the record' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from switch" -l override -d 'Overrides a gate by name: `gate=why`; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from switch" -l break-glass -d 'Why it has to be done although the control planes cannot agree who may act; needs a second person' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from switch" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from switch" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from switch" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from switch" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from switch" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from switch" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from switch" -l wait -d 'Stay until the operation has ended, and say how'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from switch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from cancel" -l release -d 'The release\'s name' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from cancel" -l confirm -d 'The region\'s or the release\'s name once more: this is the confirmation' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from cancel" -l reason -d 'Why, for the record' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from cancel" -l override -d 'Overrides a gate by name: `gate=why`; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from cancel" -l break-glass -d 'Why it has to be done although the control planes cannot agree who may act; needs a second person' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from cancel" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from cancel" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from cancel" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from cancel" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from cancel" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from cancel" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from cancel" -l wait -d 'Stay until the operation has ended, and say how'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from cancel" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from delete-blue" -l release -d 'The release\'s name' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from delete-blue" -l confirm -d 'The region\'s or the release\'s name once more: this is the confirmation' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from delete-blue" -l reason -d 'Why, for the record' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from delete-blue" -l override -d 'Overrides a gate by name: `gate=why`; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from delete-blue" -l break-glass -d 'Why it has to be done although the control planes cannot agree who may act; needs a second person' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from delete-blue" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from delete-blue" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from delete-blue" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from delete-blue" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from delete-blue" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from delete-blue" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from delete-blue" -l wait -d 'Stay until the operation has ended, and say how'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from delete-blue" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from help" -f -a "deploy" -d 'Starts green beside what serves, out of rotation, and runs smoke tests against it'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from help" -f -a "switch" -d 'Switches to green by weights (10, 50, 100 %), with a check after each; blue is kept idle for an hour'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from help" -f -a "cancel" -d 'Before the switch: removes green. After it: switches back to blue'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from help" -f -a "delete-blue" -d 'Deletes blue when its hour is over; needs a second person (`approve`)'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand green; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and not __fish_seen_subcommand_from drain restore drain-renew region-failover failover fence rejoin promote rollback green-deploy green-switch green-cancel blue-delete help" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and not __fish_seen_subcommand_from drain restore drain-renew region-failover failover fence rejoin promote rollback green-deploy green-switch green-cancel blue-delete help" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and not __fish_seen_subcommand_from drain restore drain-renew region-failover failover fence rejoin promote rollback green-deploy green-switch green-cancel blue-delete help" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and not __fish_seen_subcommand_from drain restore drain-renew region-failover failover fence rejoin promote rollback green-deploy green-switch green-cancel blue-delete help" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and not __fish_seen_subcommand_from drain restore drain-renew region-failover failover fence rejoin promote rollback green-deploy green-switch green-cancel blue-delete help" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and not __fish_seen_subcommand_from drain restore drain-renew region-failover failover fence rejoin promote rollback green-deploy green-switch green-cancel blue-delete help" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and not __fish_seen_subcommand_from drain restore drain-renew region-failover failover fence rejoin promote rollback green-deploy green-switch green-cancel blue-delete help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and not __fish_seen_subcommand_from drain restore drain-renew region-failover failover fence rejoin promote rollback green-deploy green-switch green-cancel blue-delete help" -f -a "drain" -d 'Take a region out of rotation'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and not __fish_seen_subcommand_from drain restore drain-renew region-failover failover fence rejoin promote rollback green-deploy green-switch green-cancel blue-delete help" -f -a "restore" -d 'Put it back'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and not __fish_seen_subcommand_from drain restore drain-renew region-failover failover fence rejoin promote rollback green-deploy green-switch green-cancel blue-delete help" -f -a "drain-renew" -d 'Let a drain last longer'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and not __fish_seen_subcommand_from drain restore drain-renew region-failover failover fence rejoin promote rollback green-deploy green-switch green-cancel blue-delete help" -f -a "region-failover" -d 'Leave a region that is down'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and not __fish_seen_subcommand_from drain restore drain-renew region-failover failover fence rejoin promote rollback green-deploy green-switch green-cancel blue-delete help" -f -a "failover" -d 'Move the writer'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and not __fish_seen_subcommand_from drain restore drain-renew region-failover failover fence rejoin promote rollback green-deploy green-switch green-cancel blue-delete help" -f -a "fence" -d 'Stop a database member and keep it down'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and not __fish_seen_subcommand_from drain restore drain-renew region-failover failover fence rejoin promote rollback green-deploy green-switch green-cancel blue-delete help" -f -a "rejoin" -d 'Let a fenced database member come back'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and not __fish_seen_subcommand_from drain restore drain-renew region-failover failover fence rejoin promote rollback green-deploy green-switch green-cancel blue-delete help" -f -a "promote" -d 'Make a managed database\'s replica the writer'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and not __fish_seen_subcommand_from drain restore drain-renew region-failover failover fence rejoin promote rollback green-deploy green-switch green-cancel blue-delete help" -f -a "rollback" -d 'Return a release to an earlier revision'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and not __fish_seen_subcommand_from drain restore drain-renew region-failover failover fence rejoin promote rollback green-deploy green-switch green-cancel blue-delete help" -f -a "green-deploy" -d 'Deploy green beside what serves'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and not __fish_seen_subcommand_from drain restore drain-renew region-failover failover fence rejoin promote rollback green-deploy green-switch green-cancel blue-delete help" -f -a "green-switch" -d 'Switch to green'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and not __fish_seen_subcommand_from drain restore drain-renew region-failover failover fence rejoin promote rollback green-deploy green-switch green-cancel blue-delete help" -f -a "green-cancel" -d 'Remove green, or switch back to blue'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and not __fish_seen_subcommand_from drain restore drain-renew region-failover failover fence rejoin promote rollback green-deploy green-switch green-cancel blue-delete help" -f -a "blue-delete" -d 'Delete blue'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and not __fish_seen_subcommand_from drain restore drain-renew region-failover failover fence rejoin promote rollback green-deploy green-switch green-cancel blue-delete help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from drain" -l deadline -d 'Seconds to wait for open requests before saying what is left' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from drain" -l expires -d 'How long the drain lasts before it ends by itself: seconds, or as in `90m`, `4h`' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from drain" -l reason -d 'Why, for the record' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from drain" -l override -d 'Overrides a gate by name: `gate=why`; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from drain" -l break-glass -d 'Why it has to be done although the control planes cannot agree who may act; needs a second person' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from drain" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from drain" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from drain" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from drain" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from drain" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from drain" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from drain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from restore" -l reason -d 'Why, for the record' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from restore" -l override -d 'Overrides a gate by name: `gate=why`; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from restore" -l break-glass -d 'Why it has to be done although the control planes cannot agree who may act; needs a second person' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from restore" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from restore" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from restore" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from restore" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from restore" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from restore" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from drain-renew" -l for -d 'How long it lasts from now on: seconds, or as in `30m`, `2h`' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from drain-renew" -l reason -d 'Why, for the record' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from drain-renew" -l override -d 'Overrides a gate by name: `gate=why`; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from drain-renew" -l break-glass -d 'Why it has to be done although the control planes cannot agree who may act; needs a second person' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from drain-renew" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from drain-renew" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from drain-renew" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from drain-renew" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from drain-renew" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from drain-renew" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from drain-renew" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from region-failover" -l to -d 'The region that takes over; a DR-only one only when it is named here' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from region-failover" -l reason -d 'Why, for the record' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from region-failover" -l override -d 'Overrides a gate by name: `gate=why`; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from region-failover" -l break-glass -d 'Why it has to be done although the control planes cannot agree who may act; needs a second person' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from region-failover" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from region-failover" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from region-failover" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from region-failover" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from region-failover" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from region-failover" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from region-failover" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from failover" -l to -d 'The new writer\'s region' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from failover" -l proof -d 'How the old writer is fenced: instance-stopped, server-refuses, network-isolated, or sworn (a second person has to approve); the best that can be proven when absent' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from failover" -l cluster -d 'Of which database cluster; needed only where several have a member there' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from failover" -l reason -d 'Why, for the record' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from failover" -l override -d 'Overrides a gate by name: `gate=why`; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from failover" -l break-glass -d 'Why it has to be done although the control planes cannot agree who may act; needs a second person' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from failover" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from failover" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from failover" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from failover" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from failover" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from failover" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from failover" -l emergency -d 'The present writer is gone or not to be trusted: fence it, then have the other one elected'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from failover" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from fence" -l cluster -d 'Of which database cluster; needed only where several have a member there' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from fence" -l reason -d 'Why, for the record' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from fence" -l override -d 'Overrides a gate by name: `gate=why`; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from fence" -l break-glass -d 'Why it has to be done although the control planes cannot agree who may act; needs a second person' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from fence" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from fence" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from fence" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from fence" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from fence" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from fence" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from fence" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from rejoin" -l cluster -d 'Of which database cluster; needed only where several have a member there' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from rejoin" -l reason -d 'Why, for the record' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from rejoin" -l override -d 'Overrides a gate by name: `gate=why`; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from rejoin" -l break-glass -d 'Why it has to be done although the control planes cannot agree who may act; needs a second person' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from rejoin" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from rejoin" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from rejoin" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from rejoin" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from rejoin" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from rejoin" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from rejoin" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from promote" -l to -d 'The new writer\'s region' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from promote" -l reason -d 'Why, for the record' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from promote" -l override -d 'Overrides a gate by name: `gate=why`; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from promote" -l break-glass -d 'Why it has to be done although the control planes cannot agree who may act; needs a second person' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from promote" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from promote" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from promote" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from promote" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from promote" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from promote" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from promote" -l allow-data-loss -d 'Although acknowledged writes may be lost; needs a second person. RDS has no way without'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from promote" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from rollback" -l release -d 'The release\'s name' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from rollback" -l revision -d 'The revision; the last good one when absent' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from rollback" -l reason -d 'Why, for the record' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from rollback" -l override -d 'Overrides a gate by name: `gate=why`; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from rollback" -l break-glass -d 'Why it has to be done although the control planes cannot agree who may act; needs a second person' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from rollback" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from rollback" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from rollback" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from rollback" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from rollback" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from rollback" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from rollback" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-deploy" -l release -d 'The release\'s name' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-deploy" -l set -d 'A setting on top of those in force, `api.inject_latency_ms=5`; an empty value unsets it; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-deploy" -l reason -d 'Why, for the record' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-deploy" -l override -d 'Overrides a gate by name: `gate=why`; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-deploy" -l break-glass -d 'Why it has to be done although the control planes cannot agree who may act; needs a second person' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-deploy" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-deploy" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-deploy" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-deploy" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-deploy" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-deploy" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-deploy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-switch" -l release -d 'The release\'s name' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-switch" -l reason -d 'Why, for the record' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-switch" -l override -d 'Overrides a gate by name: `gate=why`; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-switch" -l break-glass -d 'Why it has to be done although the control planes cannot agree who may act; needs a second person' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-switch" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-switch" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-switch" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-switch" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-switch" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-switch" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-switch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-cancel" -l release -d 'The release\'s name' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-cancel" -l reason -d 'Why, for the record' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-cancel" -l override -d 'Overrides a gate by name: `gate=why`; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-cancel" -l break-glass -d 'Why it has to be done although the control planes cannot agree who may act; needs a second person' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-cancel" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-cancel" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-cancel" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-cancel" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-cancel" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-cancel" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from green-cancel" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from blue-delete" -l release -d 'The release\'s name' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from blue-delete" -l reason -d 'Why, for the record' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from blue-delete" -l override -d 'Overrides a gate by name: `gate=why`; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from blue-delete" -l break-glass -d 'Why it has to be done although the control planes cannot agree who may act; needs a second person' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from blue-delete" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from blue-delete" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from blue-delete" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from blue-delete" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from blue-delete" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from blue-delete" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from blue-delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from help" -f -a "drain" -d 'Take a region out of rotation'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from help" -f -a "restore" -d 'Put it back'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from help" -f -a "drain-renew" -d 'Let a drain last longer'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from help" -f -a "region-failover" -d 'Leave a region that is down'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from help" -f -a "failover" -d 'Move the writer'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from help" -f -a "fence" -d 'Stop a database member and keep it down'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from help" -f -a "rejoin" -d 'Let a fenced database member come back'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from help" -f -a "promote" -d 'Make a managed database\'s replica the writer'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from help" -f -a "rollback" -d 'Return a release to an earlier revision'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from help" -f -a "green-deploy" -d 'Deploy green beside what serves'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from help" -f -a "green-switch" -d 'Switch to green'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from help" -f -a "green-cancel" -d 'Remove green, or switch back to blue'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from help" -f -a "blue-delete" -d 'Delete blue'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand plan; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand approve" -l hash -d 'The plan\'s hash, as it was shown: what is approved is what was looked at' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand approve" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand approve" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand approve" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand approve" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand approve" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand approve" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand approve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand execute" -l hash -d 'The plan\'s hash, as it was shown' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand execute" -l confirm -d 'The region\'s or the release\'s name: this is the confirmation' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand execute" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand execute" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand execute" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand execute" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand execute" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand execute" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand execute" -l wait -d 'Stay until the operation has ended, and say how'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand execute" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand drain" -l deadline -d 'Seconds to wait for open requests before saying what is left' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand drain" -l expires -d 'How long the drain lasts before it ends by itself: seconds, or as in `90m`, `4h`' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand drain" -l confirm -d 'The region\'s or the release\'s name once more: this is the confirmation' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand drain" -l reason -d 'Why, for the record' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand drain" -l override -d 'Overrides a gate by name: `gate=why`; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand drain" -l break-glass -d 'Why it has to be done although the control planes cannot agree who may act; needs a second person' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand drain" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand drain" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand drain" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand drain" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand drain" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand drain" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand drain" -l wait -d 'Stay until the operation has ended, and say how'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand drain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand restore" -l confirm -d 'The region\'s or the release\'s name once more: this is the confirmation' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand restore" -l reason -d 'Why, for the record' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand restore" -l override -d 'Overrides a gate by name: `gate=why`; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand restore" -l break-glass -d 'Why it has to be done although the control planes cannot agree who may act; needs a second person' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand restore" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand restore" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand restore" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand restore" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand restore" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand restore" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand restore" -l wait -d 'Stay until the operation has ended, and say how'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand drain-renew" -l for -d 'How long it lasts from now on: seconds, or as in `30m`, `2h`' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand drain-renew" -l reason -d 'Why, for the record' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand drain-renew" -l override -d 'Overrides a gate by name: `gate=why`; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand drain-renew" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand drain-renew" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand drain-renew" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand drain-renew" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand drain-renew" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand drain-renew" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand drain-renew" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand region-failover" -l to -d 'The region that takes over; a DR-only one only when it is named here' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand region-failover" -l confirm -d 'The region\'s or the release\'s name once more: this is the confirmation' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand region-failover" -l reason -d 'Why, for the record' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand region-failover" -l override -d 'Overrides a gate by name: `gate=why`; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand region-failover" -l break-glass -d 'Why it has to be done although the control planes cannot agree who may act; needs a second person' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand region-failover" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand region-failover" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand region-failover" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand region-failover" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand region-failover" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand region-failover" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand region-failover" -l wait -d 'Stay until the operation has ended, and say how'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand region-failover" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand failover" -l to -d 'The new writer\'s region' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand failover" -l proof -d 'How the old writer is fenced: instance-stopped, server-refuses, network-isolated, or sworn (a second person has to approve); the best that can be proven when absent' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand failover" -l cluster -d 'Of which database cluster; needed only where several have a member there' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand failover" -l confirm -d 'The region\'s or the release\'s name once more: this is the confirmation' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand failover" -l reason -d 'Why, for the record' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand failover" -l override -d 'Overrides a gate by name: `gate=why`; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand failover" -l break-glass -d 'Why it has to be done although the control planes cannot agree who may act; needs a second person' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand failover" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand failover" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand failover" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand failover" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand failover" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand failover" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand failover" -l emergency -d 'The present writer is gone or not to be trusted: fence it, then have the other one elected'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand failover" -l wait -d 'Stay until the operation has ended, and say how'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand failover" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand fence" -l cluster -d 'Of which database cluster; needed only where several have a member there' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand fence" -l confirm -d 'The region\'s or the release\'s name once more: this is the confirmation' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand fence" -l reason -d 'Why, for the record' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand fence" -l override -d 'Overrides a gate by name: `gate=why`; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand fence" -l break-glass -d 'Why it has to be done although the control planes cannot agree who may act; needs a second person' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand fence" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand fence" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand fence" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand fence" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand fence" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand fence" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand fence" -l wait -d 'Stay until the operation has ended, and say how'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand fence" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rejoin" -l cluster -d 'Of which database cluster; needed only where several have a member there' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rejoin" -l confirm -d 'The region\'s or the release\'s name once more: this is the confirmation' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rejoin" -l reason -d 'Why, for the record' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rejoin" -l override -d 'Overrides a gate by name: `gate=why`; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rejoin" -l break-glass -d 'Why it has to be done although the control planes cannot agree who may act; needs a second person' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rejoin" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rejoin" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rejoin" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rejoin" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rejoin" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rejoin" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rejoin" -l wait -d 'Stay until the operation has ended, and say how'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rejoin" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand promote" -l to -d 'The new writer\'s region' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand promote" -l confirm -d 'The region\'s or the release\'s name once more: this is the confirmation' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand promote" -l reason -d 'Why, for the record' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand promote" -l override -d 'Overrides a gate by name: `gate=why`; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand promote" -l break-glass -d 'Why it has to be done although the control planes cannot agree who may act; needs a second person' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand promote" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand promote" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand promote" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand promote" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand promote" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand promote" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand promote" -l allow-data-loss -d 'Although acknowledged writes may be lost; needs a second person. RDS has no way without'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand promote" -l wait -d 'Stay until the operation has ended, and say how'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand promote" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rollback" -l release -d 'The release\'s name' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rollback" -l revision -d 'The revision; the last good one when absent' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rollback" -l confirm -d 'The region\'s or the release\'s name once more: this is the confirmation' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rollback" -l reason -d 'Why, for the record' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rollback" -l override -d 'Overrides a gate by name: `gate=why`; repeatable' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rollback" -l break-glass -d 'Why it has to be done although the control planes cannot agree who may act; needs a second person' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rollback" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rollback" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rollback" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rollback" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rollback" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rollback" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rollback" -l wait -d 'Stay until the operation has ended, and say how'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand rollback" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand config; and not __fish_seen_subcommand_from check help" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand config; and not __fish_seen_subcommand_from check help" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand config; and not __fish_seen_subcommand_from check help" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand config; and not __fish_seen_subcommand_from check help" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand config; and not __fish_seen_subcommand_from check help" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand config; and not __fish_seen_subcommand_from check help" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand config; and not __fish_seen_subcommand_from check help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand config; and not __fish_seen_subcommand_from check help" -f -a "check" -d 'Reads a file of settings and names everything that is wrong with it'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand config; and not __fish_seen_subcommand_from check help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand config; and __fish_seen_subcommand_from check" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand config; and __fish_seen_subcommand_from check" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand config; and __fish_seen_subcommand_from check" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand config; and __fish_seen_subcommand_from check" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand config; and __fish_seen_subcommand_from check" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand config; and __fish_seen_subcommand_from check" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "check" -d 'Reads a file of settings and names everything that is wrong with it'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand captive" -l directory -d 'Where the bastion\'s keys, tokens and settings are' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand captive" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand captive" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand captive" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand captive" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand captive" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand captive" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand captive" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand completions" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand completions" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand completions" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand completions" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand completions" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand completions" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand man" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand man" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand man" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand man" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand man" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand man" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand keys" -l endpoint -d 'Control plane, http://host:port; repeat it for more, tried in order' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand keys" -l token-file -d 'File that holds the bearer token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand keys" -l state-dir -d 'State directory of a local world, for its addresses and token' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand keys" -l config -d 'File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`' -r -F
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand keys" -l theme -d 'Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono' -r
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand keys" -s o -l output -d 'Format of what a command prints' -r -f -a "text\t'For a person'
json\t'For a script: the documents of the vocabulary'
ansi\t'`snapshot` only: with colours'
svg\t'`snapshot` only: a picture for a document'"
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand keys" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "status" -d 'The whole picture in a few lines; exit code 1 when something is not healthy'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "regions" -d 'Regions: role, health, weight, traffic, writer; how ready each is to take over, and what it lacks'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "health-check" -d 'Whether a region serves, as every vantage point sees it; exit code 0 only when it is healthy'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "lag" -d 'Replication links and how far each is behind'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "slis" -d 'Indicators against their objectives'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "alerts" -d 'Alerts of the platform'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "map" -d 'Who calls whom, by the traces: rate, failures and durations of each way'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "runbooks" -d 'Runbooks and what triggers each'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "runbook" -d 'A runbook, written for a region as it is now'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "ack" -d 'Acknowledges an alert by its key (see `alerts`)'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "watch" -d 'Prints a line whenever something that matters changes'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "replay" -d 'Plays a recording on the screen; with --plain as sentences. Needs no control plane'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "export" -d 'Takes a range of time out of the recording that the control planes keep (the last ten minutes by default), without names of people and tenants, addresses, directories, typed reasons and tokens'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "snapshot" -d 'Draws one page as the screen would'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "operations" -d 'Operations that run or ran'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "releases" -d 'Releases: revisions in force, their history and differences'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "green" -d 'Blue/green: a release beside the one that serves, tested, switched to by weights, and back'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "plan" -d 'Decides what an operation would do; changes nothing'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "approve" -d 'Approves another operator\'s plan that needs a second person; without `--hash` shows what it is'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "execute" -d 'Carries out a plan that was made before, for example one that a second person has approved'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "drain" -d 'Takes a region out of the load balancer\'s rotation, in steps'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "restore" -d 'Puts a region back, in steps'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "drain-renew" -d 'Lets the drain of a region last longer; without that every drain ends by itself'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "region-failover" -d 'Leaves a region that is down: its traffic and the writer go to another one (RB-003)'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "failover" -d 'Makes a region\'s database member the writer, without losing a write; with --emergency although the present writer is gone: it is fenced first, and what is lost is said before'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "fence" -d 'Stops a region\'s database member and keeps it down: the way out when two members accept writes'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "rejoin" -d 'Lets a fenced database member come back as a replica'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "promote" -d 'Makes a managed database\'s replica (RDS, Aurora) the writer; a promotion of a read replica is for ever'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "rollback" -d 'Returns a release to its last good revision, or to a named one'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "config" -d 'The console\'s settings'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "captive" -d 'Opens the console for the key of an ssh session, and nothing else (see deploy/bastion)'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "completions" -d 'Prints the completions of a shell'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "man" -d 'Prints the man page'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "keys" -d 'Prints the keys as a Markdown document'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and not __fish_seen_subcommand_from status regions health-check lag slis alerts map runbooks runbook ack watch replay export snapshot operations releases green plan approve execute drain restore drain-renew region-failover failover fence rejoin promote rollback config captive completions man keys help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from operations" -f -a "list" -d 'The latest ones, the newest last; older ones by `--before`. All are kept in the journal'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from operations" -f -a "show" -d 'One, with its steps, times and figures'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from operations" -f -a "export" -d 'Its record, to keep: all times, write outage, loss, objective, evidence, gates, steps'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from operations" -f -a "retry" -d 'Has a held operation try its failed step again'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from operations" -f -a "acknowledge" -d 'Says that somebody has understood how an operation ended: the block after a failover ends'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from operations" -f -a "abort" -d 'Undoes an operation, before its point of no return'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from releases" -f -a "list" -d 'Every release: revision in force, rollout, where a rollback would lead, blue/green'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from releases" -f -a "history" -d 'The revisions of one, the newest last'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from releases" -f -a "diff" -d 'The settings in which two revisions differ; by default what runs and where a rollback would lead'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from green" -f -a "deploy" -d 'Starts green beside what serves, out of rotation, and runs smoke tests against it'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from green" -f -a "switch" -d 'Switches to green by weights (10, 50, 100 %), with a check after each; blue is kept idle for an hour'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from green" -f -a "cancel" -d 'Before the switch: removes green. After it: switches back to blue'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from green" -f -a "delete-blue" -d 'Deletes blue when its hour is over; needs a second person (`approve`)'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from plan" -f -a "drain" -d 'Take a region out of rotation'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from plan" -f -a "restore" -d 'Put it back'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from plan" -f -a "drain-renew" -d 'Let a drain last longer'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from plan" -f -a "region-failover" -d 'Leave a region that is down'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from plan" -f -a "failover" -d 'Move the writer'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from plan" -f -a "fence" -d 'Stop a database member and keep it down'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from plan" -f -a "rejoin" -d 'Let a fenced database member come back'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from plan" -f -a "promote" -d 'Make a managed database\'s replica the writer'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from plan" -f -a "rollback" -d 'Return a release to an earlier revision'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from plan" -f -a "green-deploy" -d 'Deploy green beside what serves'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from plan" -f -a "green-switch" -d 'Switch to green'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from plan" -f -a "green-cancel" -d 'Remove green, or switch back to blue'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from plan" -f -a "blue-delete" -d 'Delete blue'
complete -c aisoc-console -n "__fish_aisoc_console_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "check" -d 'Reads a file of settings and names everything that is wrong with it'
