#!/usr/bin/env node
'use strict';

// CommonJS and old syntax on purpose: a Node that is too old must get as far as saying so.
const needed = [22, 18];
const have = process.versions.node.split('.').map(Number);

if (have[0] < needed[0] || (have[0] === needed[0] && have[1] < needed[1])) {
  console.error(
    `cannot run flowsentry on Node ${process.versions.node}: it needs Node ${needed.join('.')} or newer; in a checkout, npx flowsentry and npm start bring their own`,
  );
  process.exit(2);
}

// libuv reads it once, before its first task; DuckDB's queries hold a thread of the pool each, and four are too few.
if (process.env.UV_THREADPOOL_SIZE === undefined) process.env.UV_THREADPOOL_SIZE = '8';

// glibc keeps what is freed below a limit that it raises to 32 MB by itself, and large arrays of different lives leave holes there: 150 MB
// more at the peak of a replay. It reads its limit before anything of ours runs, so the program replaces itself once.
if (
  process.platform === 'linux' &&
  ['replay', 'run', 'backtest', 'forward'].includes(process.argv[2]) &&
  process.env.MALLOC_MMAP_THRESHOLD_ === undefined
)
  process.execve(process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)], {
    ...process.env,
    MALLOC_MMAP_THRESHOLD_: String(1 << 19),
  });

const { existsSync } = require('node:fs');
const { enableCompileCache } = require('node:module');
const { homedir } = require('node:os');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');

// Three threads compile the same modules at each start: half a second of CPU. In the user's own folder, as what is in it will be run.
// Threads take it from the environment; a folder that can't be written just doesn't cache.
if (process.env.NODE_COMPILE_CACHE === undefined)
  process.env.NODE_COMPILE_CACHE = join(
    process.env.XDG_CACHE_HOME || join(homedir(), '.cache'),
    'flowsentry',
  );
enableCompileCache(process.env.NODE_COMPILE_CACHE);

const source = join(__dirname, '../src/main.ts');
const main = existsSync(source) ? source : join(__dirname, '../dist/src/main.js');
import(pathToFileURL(main).href).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
