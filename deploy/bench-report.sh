# shellcheck shell=bash disable=SC2034,SC2154
# What deploy/bench writes. To be sourced.

table() {
  local case side
  for case in ${cases//,/ }; do
    for side in pg_dump pg_restore ${all_sides//,/ }; do
      printf '%s\t%s\t%s\t%s\n' "$case" "$side" "$(title "$case")" "$(label "$side")"
    done
  done >"$work/rows"
  awk -F '\t' '
    function median(values, count, i, j, swap) {
      for (i = 2; i <= count; i++)
        for (j = i; j > 1 && values[j] < values[j - 1]; j--) {
          swap = values[j]; values[j] = values[j - 1]; values[j - 1] = swap
        }
      return count % 2 ? values[(count + 1) / 2] : (values[count / 2] + values[count / 2 + 1]) / 2
    }
    function of(row, column, i, values) {
      for (i = 1; i <= runs[row]; i++) {
        if (cell[row, i, column] == "-") return "-"
        values[i] = cell[row, i, column] + 0
      }
      return median(values, runs[row])
    }
    function seconds(value) { return sprintf(value < 10 ? "%.2f s" : "%.1f s", value) }
    function megabytes(value) { return value == "-" ? "–" : sprintf(value < 1e7 ? "%.2f MB" : "%.1f MB", value / 1e6) }
    function memory(row, name, text) {
      for (name in names) if ((row, name) in peak)
        text = text (text == "" ? "" : ", ") name " " sprintf("%.0f", peak[row, name] / 1024)
      return text
    }
    FILENAME ~ /results$/ {
      row = $1 SUBSEP $2
      runs[row]++
      for (i = 3; i <= 8; i++) cell[row, runs[row], i] = $i
      count = split($9, peaks, " ")
      for (i = 1; i <= count; i++) {
        split(peaks[i], pair, "=")
        names[pair[1]] = 1
        if (pair[2] > peak[row, pair[1]] + 0) peak[row, pair[1]] = pair[2] + 0
      }
    }
    FILENAME ~ /verdicts$/ { if (verdict[$1, $2] != "FAILED") verdict[$1, $2] = $3 }
    FILENAME ~ /rows$/ {
      row = $1 SUBSEP $2
      if (!(row in runs)) next
      if (!header++) {
        print "| case | by | wall time | script ÷ this | CPU time | of the server | to the store | from the store | archive | ÷ script | peak RSS, MiB | runs | restored |"
        print "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|---|--:|---|"
      }
      script = $1 SUBSEP "script"
      wall = of(row, 3)
      size = of(row, 8)
      base = script in runs ? of(script, 8) : "-"
      printf "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %d | %s |\n", $3, $4, seconds(wall),
        script in runs && row != script ? sprintf("%.1f", of(script, 3) / wall) : "–",
        seconds(of(row, 4)), seconds(of(row, 5)), megabytes(of(row, 6)), megabytes(of(row, 7)), megabytes(size),
        size != "-" && base != "-" && row != script ? sprintf("%.3f", size / base) : "–",
        memory(row), runs[row], verdict[$1, $2] == "" ? "–" : verdict[$1, $2] == "FAILED" ? "**FAILED**" : verdict[$1, $2]
    }' "$work/results" "$work/verdicts" "$work/rows"
}

commands() {
  local -n shown=$1
  local side
  printf '\n%s:\n\n```sh\n' "$2"
  for side in pg_dump pg_restore script restic project; do
    [ -z "${shown[$side]:-}" ] || printf '# %s\n%s\n' "$(label "$side")" "${shown[$side]}"
  done
  printf '```\n'
}

report() {
  cat <<MD
# Benchmark

Written by \`deploy/bench$arguments\` on $(date +%F) with commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown).

$(table)
$(cat "$work/remarks")
- **Data**: $(describe_data).
- **Machine**: $(nproc) × $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo), $(stat -f -c %T "$work"), Linux $(uname -r).
- **Versions**: $(postgres --version), $(rsync --version | sed -n '1s/  */ /gp' | cut -d ' ' -f 1,3), $(tar --version | head -n 1), $(gzip --version | head -n 1), JDK $("$JAVA_HOME/bin/java" -version 2>&1 | sed -n '1s/[^"]*"\([^"]*\)".*/\1/p'), $(if has_library libdeflate.so.0; then echo "libdeflate"; else echo "no libdeflate"; fi), $(if has_library libisal.so.2; then echo "ISA-L"; else echo "no ISA-L"; fi)$(! command -v restic >/dev/null || printf ', %s' "$(label restic)").
- **How**: one after the other on one filesystem, in an order that moves on with every case and round; medians; before each the
  file systems are synced and PostgreSQL makes a checkpoint. Files are in the page cache. PostgreSQL has its own defaults, but no autovacuum.
  All wait until what they have written is on disk. Before a nightly case all have last night's backup, then the same change is made.
  The services run all the time and are idle while another is measured; theirs is the time of the command, its start included.
  Before the first one they have backed up another source of the same content, which leaves a warm JVM and nothing to build upon.
  Each folder has a part of the disk of its own (\`chattr +T\`), and none is removed before the end: for minutes ext4 is slow at making files where others were removed.
- **CPU time** is that of the commands and services with all that they start; the server's, PostgreSQL's, comes on top.
- **To and from the store**: $(describe_traffic).
- **Peak RSS** of each program at its highest; \`standalone\` is the four services and a Kafka broker in one process. Shared pages count in each.
- **Restored**: in the first round each archive was unpacked and compared with the source: \`rsync -aHAXnc --delete\`, and the dump as SQL
  with a new dump; after a restore, files and \`pg_dump\` of both databases.
$(commands backup_commands "Backup")
$(commands restore_commands "Restore")
$(commands file_commands "One file")
$(commands reference_commands "For comparison")
MD
}

describe_data() {
  local files
  files=$(find "$made/media" -type f -printf '%s %f\n' | awk '
    { count++; bytes += $1; ending = tolower($2); sub(/.*\./, "", ending); of[ending] += $1 }
    END { printf "%d files, %.0f MB, of which %.0f MB PDF and %.0f MB PNG", count, bytes / 1e6, of["pdf"] / 1e6, of["png"] / 1e6 }')
  printf '%s' "$files"
  [ -n "$own_media" ] || printf ' (Debian packages %s)' "${media_packages[*]}"
  printf '; a database of %s, as an uncompressed dump %s' "$(sql postgres -c "SELECT pg_size_pretty(pg_database_size('made'))")" \
    "$(awk '{ printf "%.0f MB", $1 / 1e6 }' "$made/dump-size")"
  [ -n "$own_database" ] || printf ' (pgbench, and the paragraphs of the sources in Debian package %s with three indexes and a key)' "$text_package"
}

describe_traffic() {
  echo "of the script the archive that it writes; of restic what its repository grows by;" \
    "of hybrid-backup on a filesystem \`uploadedBytes\` as \`BackupCompleted\` says, for nobody counts there, and nothing is said of what it reads;" \
    "on S3 all bytes on the connections of the server, heads included"
  [[ " ${sides[*]} " != *" s3 "* ]] || echo " (S3Proxy on the same machine, which uses the same two cores and copies at the end of an upload: times on S3 say little)"
}

write_report() {
  reported=yes
  mkdir -p deploy/target/bench
  report >"$work/result.md"
  cp "$work/result.md" deploy/target/bench/result.md
  if [ -n "$write_docs" ]; then
    mkdir -p deploy/docs
    cp "$work/result.md" deploy/docs/benchmark.md
  fi
  step "deploy/target/bench/result.md"
  sed '/^- \*\*Data/,$d' "$work/result.md"
}
