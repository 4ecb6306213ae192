import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { buildDashboard, DASHBOARDS } from './dashboards';

/** Writes each dashboard as JSON into the folder that is named; with --check it only tells which are not up to date. */
function main([folder, ...options]: readonly string[]): number {
  if (folder === undefined) throw new Error('Name the folder of the dashboards.');
  let stale = 0;
  for (const spec of DASHBOARDS) {
    const file = path.join(folder, `${spec.name}.json`);
    const text = `${JSON.stringify(buildDashboard(spec), null, 2)}\n`;
    const isCurrent = existsSync(file) && readFileSync(file, 'utf8') === text;
    if (isCurrent) process.stdout.write(`${file} is up to date\n`);
    else if (options.includes('--check')) {
      process.stderr.write(`${file} is stale: run \`npm run generate\`\n`);
      stale += 1;
    } else {
      writeFileSync(file, text);
      process.stdout.write(`${file} written\n`);
    }
  }
  return stale === 0 ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
