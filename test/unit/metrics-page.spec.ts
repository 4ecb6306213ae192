import { execFileSync } from 'node:child_process';
import path from 'node:path';

const GENERATOR = path.join(__dirname, '../../deploy/local/generate-metrics.mjs');

it('the page of metrics says what the catalogue says', () => {
  expect(execFileSync(process.execPath, [GENERATOR, '--check'], { encoding: 'utf8' })).toContain('is up to date');
});
