"""Makes and reads dump files with the rules of DaCHS, for tests.

    dachs.py pack OUT [ID:FORMAT:FILE ...]       members from files; FORMAT is dump or textdump
    dachs.py create OUT PSQL CONNECTION [-t] ID...   members from a server, through psql; an ID is a table
    dachs.py list FILE                           what is in a file, as JSON
    dachs.py load FILE PSQL CONNECTION ID...     empties tables and fills them again
    dachs.py raw OUT [NAME:FILE ...]             any members, for files that are wrong
"""
import io
import json
import subprocess
import sys
import tarfile
import time


def add(archive, name, content):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mtime = time.time()
    archive.addfile(info, io.BytesIO(content))


def write(out, tables):
    with tarfile.open(out, "w:gz") as archive:
        index = []
        for number, (table, suffix, content) in enumerate(tables):
            if content is None:  # A table that failed leaves its number unused.
                continue
            member = "table_%03d.%s" % (number, suffix)
            add(archive, member, content)
            index.append("%s %s" % (member, table))
        add(archive, "index.txt", "\n".join(index).encode("utf-8"))


def psql(program, connection, command, content=None):
    return subprocess.run(
        [program, *connection.split(), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "-c", command],
        input=content, stdout=subprocess.PIPE, check=content is not None)


def copied(program, connection, table, text):
    done = psql(program, connection, "COPY %s TO STDOUT%s" % (table, "" if text else " WITH BINARY"))
    return done.stdout if done.returncode == 0 else None


def members(path):
    with tarfile.open(path, "r:gz") as archive:
        return [(info, archive.extractfile(info).read()) for info in archive]


def main(what, path, *rest):
    if what == "pack":
        write(path, [(*one.split(":")[:2], open(one.split(":")[2], "rb").read()) for one in rest])
    elif what == "create":
        program, connection, *tables = rest
        text = "-t" in tables
        suffix = "textdump" if text else "dump"
        write(path, [(one, suffix, copied(program, connection, one, text)) for one in tables if one != "-t"])
    elif what == "raw":
        with tarfile.open(path, "w:gz") as archive:
            for one in rest:
                name, file = one.split(":")
                add(archive, name, open(file, "rb").read())
    elif what == "list":
        listed = members(path)
        print(json.dumps({
            "members": [{"name": info.name, "size": info.size, "mtime": info.mtime} for info, _ in listed],
            "index": listed[-1][1].decode("utf-8"),
        }))
    elif what == "load":
        program, connection, *tables = rest
        listed = members(path)
        contents = {info.name: content for info, content in listed}
        for line in listed[-1][1].decode("utf-8").split("\n"):
            member, table = line.split()
            if table in tables:
                psql(program, connection, "TRUNCATE %s" % table, b"")
                binary = " WITH BINARY" if member.endswith(".dump") else ""
                psql(program, connection, "COPY %s FROM STDIN%s" % (table, binary), contents[member])


main(*sys.argv[1:])
