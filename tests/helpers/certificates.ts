/** Server certificates in tests: for 127.0.0.1, valid or expired, signed by their own authority. */
import { equal } from "node:assert/strict";
import type { Sandbox } from "./executable.ts";

/** A certificate, its key, and the authority that signed it, as PEM files. */
export interface Certificate {
  readonly certificateFile: string;
  readonly keyFile: string;
  /** The certificate that a client has to trust. */
  readonly authorityFile: string;
}

/** `$1`: a new folder. `$2` and `$3`: the certificate is valid from when to when. */
const SCRIPT = `
set -e
mkdir "$1"; cd "$1"; touch index
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=authority $1" \\
  -keyout authority-key.pem -out authority.pem
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=127.0.0.1 \\
  -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out request.pem
printf '%s\\n' '[ca]' database=index new_certs_dir=. default_md=sha256 policy=any rand_serial=yes \\
  copy_extensions=copy x509_extensions=server '[any]' commonName=supplied '[server]' basicConstraints=CA:FALSE >ca.cnf
openssl ca -batch -notext -config ca.cnf -name ca -cert authority.pem -keyfile authority-key.pem -in request.pem \\
  -out certificate.pem -startdate "$(date -u -d "$2" +%y%m%d%H%M%SZ)" -enddate "$(date -u -d "$3" +%y%m%d%H%M%SZ)"`;

/** Makes a certificate that is valid for a day, or expired yesterday. */
export async function makeCertificate(box: Sandbox, { expired = false } = {}): Promise<Certificate> {
  const name = expired ? "expired" : "valid";
  const span = expired ? ["3 days ago", "1 day ago"] : ["1 day ago", "1 day"];
  const { exitCode, stderr } = await box.shell(SCRIPT, name, ...span);
  equal(exitCode, 0, stderr);
  return {
    certificateFile: box.join(name, "certificate.pem"),
    keyFile: box.join(name, "key.pem"),
    authorityFile: box.join(name, "authority.pem"),
  };
}
