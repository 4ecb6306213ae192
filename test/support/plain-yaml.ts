/** What a file of this subset of YAML holds. */
export type PlainYaml = string | PlainYaml[] | { [key: string]: PlainYaml };

interface Line {
  readonly indent: number;
  readonly text: string;
}

/**
 * Reads the plain part of YAML that our compose files are written in: maps and lists by indentation, scalars as text,
 * one-line lists, anchors on maps, aliases and merges. Anything else is refused, so that nothing is misread.
 */
export function readPlainYaml(source: string): Record<string, PlainYaml> {
  const lines = source
    .split('\n')
    .map((line) => ({ indent: line.length - line.trimStart().length, text: withoutComment(line).trim() }))
    .filter((line) => line.text !== '');
  const reader = new Reader(lines);
  const document = reader.block(0);
  if (typeof document === 'string' || Array.isArray(document)) throw new Error('the file is no map');
  return document;
}

class Reader {
  private place = 0;
  private readonly anchors = new Map<string, Record<string, PlainYaml>>();

  constructor(private readonly lines: readonly Line[]) {}

  block(indent: number): PlainYaml {
    return this.lines[this.place]?.text.startsWith('- ') ? this.list(indent) : this.map(indent);
  }

  private list(indent: number): PlainYaml[] {
    const items: PlainYaml[] = [];
    for (let line = this.at(indent); line?.text.startsWith('- '); line = this.at(indent)) {
      items.push(scalar(line.text.slice(2).trim()));
      this.place += 1;
    }
    return items;
  }

  private map(indent: number): Record<string, PlainYaml> {
    const map: Record<string, PlainYaml> = {};
    for (let line = this.at(indent); line; line = this.at(indent)) {
      const match = /^([A-Za-z0-9_.<-]+):(?: (.*))?$/.exec(line.text);
      if (!match) throw new Error(`no plain YAML: ${line.text}`);
      const [, key = '', value = ''] = match;
      this.place += 1;
      if (key === '<<') Object.assign(map, this.anchored(value), { ...map });
      else map[key] = this.value(value, indent);
    }
    return map;
  }

  private value(text: string, indent: number): PlainYaml {
    if (text.startsWith('*')) return { ...this.anchored(text) };
    if (text !== '' && !text.startsWith('&')) return scalar(text);
    const next = this.lines[this.place];
    const value = next && next.indent > indent ? this.block(next.indent) : {};
    if (text.startsWith('&')) this.anchors.set(text.slice(1), value as Record<string, PlainYaml>);
    return value;
  }

  private anchored(alias: string): Record<string, PlainYaml> {
    const found = this.anchors.get(alias.replace(/^\*/, ''));
    if (!found) throw new Error(`no anchor ${alias}`);
    return found;
  }

  private at(indent: number): Line | undefined {
    const line = this.lines[this.place];
    if (line && line.indent > indent) throw new Error(`indented too far: ${line.text}`);
    return line?.indent === indent ? line : undefined;
  }
}

function scalar(text: string): PlainYaml {
  if (/^'.*'$/.test(text)) return text.slice(1, -1).replaceAll("''", "'");
  if (/^".*"$/.test(text)) return JSON.parse(text) as string;
  if (text.startsWith('[')) return oneLineList(text);
  if (/^[|>{]/.test(text)) throw new Error(`no plain YAML: ${text}`);
  return text;
}

function oneLineList(text: string): string[] {
  const items = [...text.matchAll(/'((?:[^']|'')*)'|"((?:[^"\\]|\\.)*)"/g)];
  return items.map(([, single, double]) => single?.replaceAll("''", "'") ?? (JSON.parse(`"${double}"`) as string));
}

/** A `#` begins a comment at the start of a line or behind a space, outside quotes. */
function withoutComment(line: string): string {
  let quote = '';
  for (let place = 0; place < line.length; place += 1) {
    const character = line.charAt(place);
    if (quote !== '') quote = character === quote ? '' : quote;
    else if (character === '#' && (place === 0 || line.charAt(place - 1) === ' ')) return line.slice(0, place);
    else if ((character === "'" || character === '"') && /[\s:[,-]/.test(line.charAt(place - 1) || ' '))
      quote = character;
  }
  return line;
}
