import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { SETTINGS } from '@hub/config';
import { EVENT_NAMES, PROBLEMS } from '@hub/domain';
import { configurableProviders } from '@hub/providers';
import { appSettings, OTEL_SETTINGS, providerSettings } from '../support/known-settings';

const root = path.join(__dirname, '../..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

/** What npm start and its tools read beside the apps' settings. */
const LAUNCHER_SETTINGS = [
  'HUB_DATA_DIR',
  'POSTGRES_PORT',
  'REDIS_PORT',
  'SANDBOX_PORT',
  'HUB_REDIS_MODE',
  'HUB_LOG',
  'HUB_DATABASE_LOGINS',
  'HUB_EXIT_WHEN_READY',
  'CHROMIUM_PATH',
];
const SANDBOX_SETTINGS = ['SANDBOX_PUBLIC_URL', 'SANDBOX_HISTORY', 'SANDBOX_GRANTS'];

/** What compose asks for beside the settings that it hands over. */
const COMPOSE_SETTINGS = [...read('deploy/docker/env.example').matchAll(/^([A-Z_]+)=/gm)].map(
  (match) => match[1] ?? '',
);

/** Written like settings, and yet none: what others say, names of code, placeholders, the past. */
const NO_SETTINGS = ['ACCESS_DENIED', 'NAME_FILE', 'HUB_CONFIG', 'SUPABASE_URL'];

const expected = [...appSettings, ...providerSettings].sort();

/** The first cell of each row of each table in a page, as it is written. */
function firstCells(page: string): string[] {
  return page
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\|[\s:-]+\|/.test(line))
    .map((line) => line.split('|')[1]?.trim() ?? '');
}

/** Everything in backticks that looks like a setting. */
function settingsIn(text: string): string[] {
  return [...text.matchAll(/`([A-Z][A-Z0-9]*_[A-Z0-9_]+|PORT|HOST)`/g)].map((match) => match[1] ?? '');
}

function markdownFiles(folder = ''): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = path.posix.join(folder, entry.name);
    if (entry.name === 'node_modules' || entry.name === 'dist' || entry.name.startsWith('.')) return [];
    if (entry.isDirectory()) return markdownFiles(file);
    return file.endsWith('.md') ? [file] : [];
  });
}

const pages = markdownFiles().map((file) => ({ file, text: read(file) }));

describe('.env.example', () => {
  const lines = read('.env.example').split('\n');
  const names = lines.map((line) => /^#?([A-Z][A-Z0-9_]*)=/.exec(line)?.[1]).filter((name) => name !== undefined);

  it('has every setting', () => {
    expect(expected.filter((name) => !names.includes(name))).toEqual([]);
  });

  it('has no other', () => {
    const known = new Set([...expected, ...LAUNCHER_SETTINGS]);
    expect(names.filter((name) => !known.has(name))).toEqual([]);
  });

  it('has each once, all of them as comments, and no secret', () => {
    expect(names).toHaveLength(new Set(names).size);
    expect(lines.filter((line) => line !== '' && !line.startsWith('#'))).toEqual([]);
    expect(lines.filter((line) => /[A-Za-z0-9+/]{40}/.test(line))).toEqual([]);
  });
});

describe('docs/configuration.md', () => {
  const page = read('docs/configuration.md');

  it('explains every setting in a table, once', () => {
    const explained = firstCells(page).flatMap((cell) => settingsIn(cell));
    expect(appSettings.filter((name) => !explained.includes(name))).toEqual([]);
    expect(explained.filter((name, at) => explained.indexOf(name) !== at)).toEqual([]);
  });

  it('names every setting of a provider', () => {
    expect(providerSettings.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });

  it('tells the default that the apps have', () => {
    for (const setting of SETTINGS) {
      const row = page.split('\n').find((line) => line.startsWith(`| \`${setting.name}\``));
      if (setting.default === null) expect(row).toMatch(/\| (none|required)/);
      else expect(row).toContain(setting.default === '' ? '| empty' : `| \`${setting.default}\``);
    }
  });
});

describe('docs/audit-events.md', () => {
  const cells = firstCells(read('docs/audit-events.md')).filter((cell) => cell !== 'Event');

  it('explains every event of the trail once, and no other', () => {
    expect(cells.sort()).toEqual(EVENT_NAMES.map((name) => `\`${name}\``).sort());
  });
});

describe('the pages', () => {
  it('hold nothing that a merge left', () => {
    const left = pages.filter(({ text }) => /^\|? ?(?:={7}|<{7}|>{7})/m.test(text));
    expect(left.map(({ file }) => file)).toEqual([]);
  });

  it('name no setting that nobody reads', () => {
    const known = new Set([
      ...expected,
      ...LAUNCHER_SETTINGS,
      ...SANDBOX_SETTINGS,
      ...OTEL_SETTINGS,
      ...COMPOSE_SETTINGS,
      ...NO_SETTINGS,
    ]);
    const inventions = pages
      .filter(({ file }) => file !== 'CHANGELOG.md')
      .flatMap(({ file, text }) =>
        settingsIn(text)
          .filter((name) => !known.has(name.replace(/_FILE$/, '')) && !known.has(name))
          .map((name) => `${file}: ${name}`),
      );
    expect(inventions).toEqual([]);
  });

  it('name no setting of the tools that the tools do not read', () => {
    const tools = readdirSync(path.join(root, 'deploy/local'))
      .filter((file) => file.endsWith('.mjs'))
      .map((file) => read(`deploy/local/${file}`))
      .join('\n');
    const sandbox = read('apps/sandbox/src/main.ts');
    expect(LAUNCHER_SETTINGS.filter((name) => !tools.includes(name))).toEqual([]);
    expect(SANDBOX_SETTINGS.filter((name) => !sandbox.includes(name))).toEqual([]);
  });

  it('link only to what is there', () => {
    const broken = pages.flatMap(({ file, text }) =>
      linksIn(text)
        .filter((link) => !resolves(file, link))
        .map((link) => `${file}: ${link}`),
    );
    expect(broken).toEqual([]);
  });

  it('name only commands that package.json has', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const unknown = pages.flatMap(({ file, text }) =>
      [...text.matchAll(/npm run (?:-s )?([a-z][a-z0-9:-]*)/g)]
        .map((match) => match[1] ?? '')
        .filter((verb) => !(verb in scripts))
        .map((verb) => `${file}: ${verb}`),
    );
    expect(unknown).toEqual([]);
  });

  it('hold no address of one machine', () => {
    const private_ = pages.filter(({ text }) => /(?:^|[\s`'"(])\/(?:home|root|Users|work)\//.test(text));
    expect(private_.map(({ file }) => file)).toEqual([]);
  });
});

describe('docs/errors.md', () => {
  it('has every problem code with its status, and no other', () => {
    const rows = read('docs/errors.md')
      .split('\n')
      .map((line) => /^\| `([a-z_]+)`\s+\| ([\d, ]+?)\s+\|/.exec(line))
      .filter((match) => match !== null)
      .map(([, code, statuses]) => ({ code: code ?? '', statuses: (statuses ?? '').split(', ') }));
    expect(rows.map(({ code }) => code).sort()).toEqual(Object.keys(PROBLEMS).sort());
    for (const { code, statuses } of rows)
      expect(statuses).toContain(String(PROBLEMS[code as keyof typeof PROBLEMS].status));
  });

  it('gives a cause and a mend for each', () => {
    for (const line of read('docs/errors.md')
      .split('\n')
      .filter((row) => /^\| `[a-z_]+`\s+\| \d/.test(row))) {
      const [, , , cause, mend] = line.split('|').map((cell) => cell.trim());
      expect([cause, mend]).not.toContain('');
    }
  });
});

describe('the pages of the providers', () => {
  it.each(configurableProviders.map(({ id }) => id))('have one for %s, with its exact redirect URL', (id) => {
    const page = read(`docs/providers/${id.replaceAll('_', '-')}.md`);
    const takesOAuth = configurableProviders.some((one) => one.id === id && one.credentialPrefix !== null);
    expect(page.includes(`\`{PUBLIC_URL}/functions/v1/integrations-callback/${id}\``)).toBe(takesOAuth);
  });
});

/** Targets of relative links, without code blocks. */
function linksIn(text: string): string[] {
  const prose = text.replaceAll(/```[\s\S]*?```/g, '').replaceAll(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1] ?? '')
    .filter((target) => !/^(?:[a-z]+:|\/\/)/.test(target));
}

function resolves(from: string, link: string): boolean {
  const [target = '', anchor] = link.split('#');
  const file = target === '' ? from : path.posix.join(path.posix.dirname(from), decodeURIComponent(target));
  const found = statSync(path.join(root, file), { throwIfNoEntry: false });
  if (!found) return false;
  return anchor === undefined || (found.isFile() && anchorsOf(read(file)).has(anchor));
}

/** The anchors that GitHub gives to headings. */
function anchorsOf(page: string): Set<string> {
  const headings = page.replaceAll(/```[\s\S]*?```/g, '').match(/^#+ .+$/gm) ?? [];
  return new Set(
    headings.map((heading) =>
      heading
        .replace(/^#+ /, '')
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}
