# shellcheck shell=bash disable=SC2154
# The data of deploy/bench: how it is made, and how it changes from night to night. To be sourced.

# 20,000 files: PDF documents, PNG pictures and what lies beside them.
media_packages=(texlive-latex-extra-doc texlive-publishers-doc openclipart-png)
# Of its sources and their documentation, paragraph by paragraph, the table of text is made.
text_package=linux-source

# download PACKAGE: Debian's package, as $downloaded; it is not installed.
download() {
  local name=$1 folder=$data/packages/$1
  if ! ls "$folder"/*.deb >/dev/null 2>&1; then
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
      die "the data is made of Debian packages, which this system does not have: give --media DIR and --database URL"
    mkdir -p "$folder.part"
    say "downloading $name …"
    (cd "$folder.part" && attend apt-get download -q "$name") >"$work/download.log" 2>&1 ||
      die "cannot download $name (apt-get update may help): $(tail -n 3 "$work/download.log")"
    mv "$folder.part" "$folder"
  fi
  downloaded=$(echo "$folder"/*.deb)
}

# make_media FOLDER PART: every PARTth file of the packages.
make_media() {
  local folder=$1 part=$2 package
  rm -rf "$folder.unpacked" "$folder.sample"
  mkdir -p "$folder.unpacked"
  for package in "${media_packages[@]}"; do
    download "$package"
    attend dpkg-deb -x "$downloaded" "$folder.unpacked"
  done
  if [ "$part" -gt 1 ]; then
    (cd "$folder.unpacked" && find . -type f -print0 | LC_ALL=C sort -z) |
      awk -v RS='\0' -v ORS='\0' -v part="$part" 'NR % part == 1' >"$work/sample"
    attend rsync -a --from0 --files-from="$work/sample" "$folder.unpacked/" "$folder.sample/"
    rm -rf "$folder.unpacked"
    mv "$folder.sample" "$folder"
  else
    mv "$folder.unpacked" "$folder"
  fi
}

# fill_database DATABASE PART: a PARTth of pgbench's tables and of the text.
fill_database() {
  local database=$1 part=$2 sources package rows
  createdb "$database"
  attend "$postgres/pgbench" --initialize --quiet --scale=$((10 / part)) "$database" 2>"$work/pgbench.log" ||
    die "pgbench failed: $(tail -n 3 "$work/pgbench.log")"
  sql "$database" <<'SQL'
CREATE TABLE document (
  id bigint PRIMARY KEY,
  chapter int NOT NULL,
  created timestamptz NOT NULL,
  version uuid NOT NULL,
  body text NOT NULL
);
CREATE UNLOGGED TABLE paragraph (id bigint, body text);
SQL
  package=$(apt-cache depends "$text_package" 2>/dev/null | sed -n 's/^ *Depends: \(linux-source-.*\)/\1/p' | head -n 1)
  download "${package:-$text_package}"
  sources=$work/sources
  mkdir "$sources"
  attend dpkg-deb -x "$downloaded" "$sources"
  # It is cut off once there are enough: what is left of the pipe ends by SIGPIPE.
  (tar -xOf "$sources"/usr/src/linux-source-*.tar.* --wildcards '*.c' '*.h' '*.S' '*.dts' '*.rst' 2>/dev/null || true) |
    (iconv -c -f UTF-8 -t UTF-8 2>/dev/null || true) |
    LC_ALL=C awk -v limit=$((775000000 / part)) '
      BEGIN { RS = "" }
      {
        gsub(/\\/, "&&"); gsub(/\t/, "\\t"); gsub(/\r/, "\\r"); gsub(/\n/, "\\n")
        print NR "\t" $0
        bytes += length($0)
        if (bytes > limit) exit
      }' | sql "$database" -c "COPY paragraph FROM STDIN"
  rm -rf "$sources"
  sql "$database" <<'SQL'
INSERT INTO document
  SELECT id, 1 + id / 50, timestamptz '2020-01-01' + id * interval '97 seconds', md5(id || body)::uuid, body
  FROM paragraph ORDER BY id;
DROP TABLE paragraph;
CREATE INDEX ON document (chapter, id);
CREATE INDEX ON document (created);
CREATE INDEX ON document (version);
SQL
  rows=$(sql "$database" -c "SELECT count(*) FROM document")
  [ "$rows" -gt $((1000000 / part)) ] || die "only $rows paragraphs were found in $downloaded"
  sql "$database" -c "VACUUM (FREEZE, ANALYZE)"
}

# copy_database FROM TO: as quickly as the server can.
copy_database() {
  local strategy=
  [ "$(sql postgres -c 'SHOW server_version_num')" -lt 150000 ] || strategy="STRATEGY file_copy"
  sql postgres -c "CREATE DATABASE $2 TEMPLATE $1 $strategy"
}

# change_files together|all-over NIGHT: of 100 files one. Of five of them two get new content, one
# grows, one is edited in its middle, and one is deleted while a new one comes.
change_files() {
  local how=$1 night=$2 files=$work/files n=0 file bytes
  (cd "$MEDIA" && find . -type f -print0 | LC_ALL=C sort -z) >"$files"
  awk -v RS='\0' -v ORS='\0' -v how="$how" -v night="$night" -v count="$(tr -dc '\0' <"$files" | wc -c)" '
    how == "all-over" ? NR % 100 == night : NR > count * night / 10 && NR <= count * night / 10 + count / 100
  ' "$files" >"$work/changing"
  while IFS= read -r -d '' file; do
    file=$MEDIA/$file
    bytes=$(stat -c %s "$file")
    case $((n++ % 5)) in
      0 | 1)
        head -c "$bytes" /dev/urandom >"$file.new"
        mv "$file.new" "$file"
        ;;
      2) head -c 4000 /dev/urandom >>"$file" ;;
      3) head -c 4000 /dev/urandom | dd of="$file" bs=1 seek=$((bytes / 2)) conv=notrunc status=none iflag=fullblock ;;
      4)
        head -c "$bytes" /dev/urandom >"$file.$night.new"
        rm "$file"
        ;;
    esac
  done <"$work/changing"
  say "$n files have changed"
}

# change_rows appended|together|all-over NIGHT: of 100 rows one.
change_rows() {
  local how=$1 night=$2
  if [ -n "$own_database" ]; then
    change_own_rows "$how" "$night"
    return
  fi
  case $how in
    appended)
      sql edms -c "
        INSERT INTO document
          SELECT (SELECT max(id) FROM document) + row_number() OVER (ORDER BY id), chapter, now(),
                 md5(version::text)::uuid, right(body, length(body) / 2) || left(body, (length(body) + 1) / 2)
          FROM document WHERE id % 100 = $night"
      ;;
    together)
      sql edms -c "
        UPDATE document SET body = body || ' (revised)', version = md5(version::text)::uuid, created = now()
          WHERE id > $night * (SELECT max(id) FROM document) / 10
            AND id <= ($night / 10.0 + 0.01) * (SELECT max(id) FROM document)"
      ;;
    all-over)
      sql edms -c "
        UPDATE document SET body = body || ' (revised)', version = md5(version::text)::uuid, created = now()
          WHERE id % 100 = $night"
      ;;
  esac
}

# In somebody's own database, whose meaning is not known, rows of the largest table move.
change_own_rows() {
  local how=$1 night=$2 table column which
  IFS=$'\t' read -r table column < <(sql edms -F $'\t' -c "
    SELECT c.oid::regclass, quote_ident(a.attname)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
         AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity <> 'a'
    WHERE c.relkind = 'r' AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    ORDER BY pg_relation_size(c.oid) DESC, a.attnum LIMIT 1")
  [ -n "${table:-}" ] || die "there is no table in the database of which rows could be changed"
  case $how in
    appended) die "rows cannot be appended to a database of your own: leave nightly-appended out of --cases" ;;
    together) which="n > total * 0.$night AND n <= total * (0.$night + 0.01)" ;;
    all-over) which="n % 100 = $night" ;;
  esac
  sql edms -c "
    SET session_replication_role = replica;
    UPDATE $table SET $column = $column WHERE ctid IN (
      SELECT place FROM (
        SELECT ctid AS place, row_number() OVER (ORDER BY ctid) AS n, count(*) OVER () AS total FROM $table) rows
      WHERE $which)"
}
