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
