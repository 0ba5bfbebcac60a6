# Prints the role lines and the include lines of $f, or `missing` if there is no file. It prints at
# most 21 lines, so that a hostile file cannot send much. The reader refuses more than 20 lines.
if [ ! -f "$f" ] && [ -e "$f" ]; then echo odd
elif [ -r "$f" ]; then echo found; grep -hiE '^[[:space:]]*"?(replicaof|slaveof|include)"?[[:space:]]' "$f" | cut -c 1-1000 | head -n 21
elif [ -e "$f" ]; then echo unreadable
else echo missing; fi
