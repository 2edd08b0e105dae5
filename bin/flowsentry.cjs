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
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');

const source = join(__dirname, '../src/main.ts');
const main = existsSync(source) ? source : join(__dirname, '../dist/src/main.js');
import(pathToFileURL(main).href).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
