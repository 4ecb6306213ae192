import { text } from 'node:stream/consumers';
import { Linter } from 'eslint';
import tseslint from 'typescript-eslint';
import config from '../../eslint.config.mjs';

/**
 * Reads `[{ file, code }]` from standard input and prints which rules each breaks, without those that need types: a
 * snippet stands in no program.
 */
const untyped = [...config, { files: ['**/*.ts'], ...tseslint.configs.disableTypeChecked }];
const linter = new Linter();
const snippets = JSON.parse(await text(process.stdin));
console.log(
  JSON.stringify(
    snippets.map(({ file, code }) =>
      linter.verify(code, untyped, { filename: file }).map(({ ruleId, message }) => ruleId ?? message),
    ),
  ),
);
