import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

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
  const folder = join(tmpdir(), 'flowsentry-rigs', `jwcrypto-${VERSION}`);
  const python = join(folder, 'bin', 'python');
  const run = (...args: string[]) => execFileSync(python, args, { stdio: 'pipe' });
  if (!existsSync(python) || !isInstalled(run)) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(join(folder, '..'), { recursive: true });
    execFileSync('python3', ['-m', 'venv', folder]);
    run('-m', 'pip', 'install', '--quiet', '--no-input', `jwcrypto==${VERSION}`);
  }
  return (jwe, keyFile) =>
    execFileSync(python, ['-c', SCRIPT, keyFile], { input: jwe, encoding: 'utf8', stdio: 'pipe' });
}

function isInstalled(run: (...args: string[]) => unknown): boolean {
  try {
    run('-c', 'import jwcrypto.jwe');
    return true;
  } catch {
    return false;
  }
}
