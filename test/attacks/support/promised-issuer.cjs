'use strict';
// Makes Google one of the providers whose metadata promise `iss` in every callback (RFC 9207 §3): loaded before the gateway.
const path = require('node:path');

const definition = 'dist/libs/providers/src/catalog/google_drive/google_drive.provider.js';
require(path.join(process.cwd(), definition)).provider.issuerPromised = true;
