#!/bin/sh
# Ends the servers when the process that started them is gone, however it went. That process holds the other end of standard
# input: "+PID" and "-PID" lines name the process groups to end; the end of input means that it died or is done.
trap '' INT HUP TERM
groups=
while read -r line; do
  case $line in
    +*) groups="$groups ${line#+}" ;;
    -*)
      rest=
      for group in $groups; do
        [ "$group" = "${line#-}" ] || rest="$rest $group"
      done
      groups=$rest
      ;;
  esac
done
alive() {
  for group in $groups; do
    kill -s 0 -- "-$group" 2>/dev/null && return 0
  done
  return 1
}
for group in $groups; do
  kill -s TERM -- "-$group" 2>/dev/null
done
waited=0
while alive && [ "$waited" -lt 100 ]; do
  sleep 0.2
  waited=$((waited + 1))
done
for group in $groups; do
  kill -s KILL -- "-$group" 2>/dev/null
done
exit 0
