import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Where the pages lie, from the root. */
export const RUNBOOKS_FOLDER = 'deploy/runbooks';

/** Pages of a subject of their own, which no alert leads to, and the index. */
export const TOPICAL_PAGES = ['README', 'audit-trail', 'forget-an-org', 'restore-the-database', 'rotate-keys'];

/** A fenced block of a page. */
export interface Fenced {
  readonly page: string;
  readonly language: string;
  readonly text: string;
}

/** One page, without its `.md`. */
export interface Runbook {
  readonly name: string;
  readonly text: string;
  readonly headings: readonly string[];
  readonly blocks: readonly Fenced[];
}

/** Everything that lies in the folder. */
export function allRunbooks(): readonly Runbook[] {
  return readdirSync(RUNBOOKS_FOLDER)
    .sort()
    .map((file) => {
      const name = path.basename(file, '.md');
      const text = readFileSync(path.join(RUNBOOKS_FOLDER, file), 'utf8');
      return { name, text, headings: headingsOf(text), blocks: blocksOf(name, text) };
    });
}

/** The pages of alerts. */
export const alertRunbooks = (): readonly Runbook[] =>
  allRunbooks().filter(({ name }) => !TOPICAL_PAGES.includes(name));

const headingsOf = (text: string): string[] => [...text.matchAll(/^## (.+)$/gm)].map(([, heading = '']) => heading);

function blocksOf(page: string, text: string): Fenced[] {
  return [...text.matchAll(/^ *```(\w*)\n([\s\S]*?)^ *```$/gm)].map(([, language = '', body = '']) => ({
    page,
    language,
    text: body.trim(),
  }));
}

/** Each line of each block of a language, with its page; the first words of a pipe alone. */
export function linesOf(
  pages: readonly Runbook[],
  language: string,
): readonly (readonly [page: string, line: string])[] {
  return pages.flatMap(({ name, blocks }) =>
    blocks
      .filter((block) => block.language === language)
      .flatMap(({ text }) => text.split('\n').map((line) => [name, line.trim()] as const)),
  );
}

const HUB = 'npm run -s hub -- ';

/** What the pages have the command line do, as its arguments. */
export function hubCommands(pages: readonly Runbook[]): readonly (readonly [page: string, args: readonly string[]])[] {
  return linesOf(pages, 'bash')
    .filter(([, line]) => line.startsWith(HUB))
    .map(([page, line]) => [page, line.slice(HUB.length).split(' ')] as const);
}

/** The SQL of the pages, and by whom it is to be run. */
export function sqlBlocks(
  pages: readonly Runbook[],
): readonly { readonly page: string; readonly sql: string; readonly by: 'refresh worker' | 'administrator' }[] {
  return pages.flatMap(({ blocks }) =>
    blocks
      .filter(({ language }) => language === 'sql')
      .map(({ page, text }) => ({
        page,
        sql: text,
        by: text.startsWith('-- as an administrator') ? ('administrator' as const) : ('refresh worker' as const),
      })),
  );
}
