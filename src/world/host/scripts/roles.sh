# Role lines of $f and of what it includes; `missing` where there is none. Few of them, so that a hostile file stays small.
if [ ! -f "$f" ] && [ -e "$f" ]; then echo odd
elif [ -r "$f" ]; then echo found; grep -hiE '^[[:space:]]*"?(replicaof|slaveof|include)"?[[:space:]]' "$f" | cut -c 1-1000 | head -n 20
elif [ -e "$f" ]; then echo unreadable
else echo missing; fi
