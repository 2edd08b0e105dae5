'use strict';

// Asks the service for its health as any caller would: over TLS, with its certificate checked. Ends with 0 when it is well.
const { readFileSync } = require('node:fs');
const { get } = require('node:https');

const [ca, cert, key] = ['ca.crt', 'tls.crt', 'tls.key'].map((file) => readFileSync(`/certificates/${file}`));
const request = get(
  'https://localhost:9464/healthz',
  { ca, cert, key, minVersion: 'TLSv1.2', rejectUnauthorized: true, timeout: 4000 },
  (response) => {
    response.resume();
    process.exitCode = response.statusCode === 200 ? 0 : 1;
  },
);
request.on('timeout', () => request.destroy(new Error('no answer within 4 s')));
request.on('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
