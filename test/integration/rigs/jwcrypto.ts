import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { pythonEnvironment } from './deploy-tools.ts';

const VERSION = '1.6.1';

const SCRIPT = `import sys
from jwcrypto import jwe, jwk
key = jwk.JWK.from_pem(open(sys.argv[1], 'rb').read())
token = jwe.JWE()
token.deserialize(sys.stdin.read(), key=key)
assert token.jose_header['kid'] == key.thumbprint(), 'kid'
sys.stdout.buffer.write(token.payload)`;

/** Installs Python's jwcrypto into a folder that later runs find. What it makes of a compact JWE, with a private key in PEM; throws when it refuses. */
export function openJwcrypto(): (jwe: string, keyFile: string) => string {
  const python = join(pythonEnvironment(`jwcrypto-${VERSION}`, [`jwcrypto==${VERSION}`]), 'bin/python');
  return (jwe, keyFile) =>
    execFileSync(python, ['-c', SCRIPT, keyFile], { input: jwe, encoding: 'utf8', stdio: 'pipe' });
}
