import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { chosenEncoding, type Encoding } from './encoding';

/** Where `npm run build` puts it, seen from the compiled gateway: `dist/console`. */
const FOLDER = path.resolve(__dirname, '../../../../console');
const ASSETS = 'assets';
const PAGE = 'index.html';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** A file as it is sent. */
export interface ServedFile {
  readonly type: string;
  readonly content: Buffer;
  readonly encoding: Encoding | undefined;
}

/** A file as it lies in memory: plain, and as the build has compressed it. */
interface KeptFile {
  readonly type: string;
  readonly plain: Buffer;
  readonly br: Buffer;
  readonly gzip: Buffer;
}

/** The built console, read once into memory: a path of a request is only ever a name in a list. */
@Injectable()
export class ConsoleFiles implements OnModuleInit {
  private readonly files = new Map<string, KeptFile>();

  /** @throws Error if the console is not built */
  async onModuleInit(): Promise<void> {
    await this.keep(PAGE, PAGE);
    const names = await readdir(path.join(FOLDER, ASSETS));
    const plain = names.filter((name) => TYPES[path.extname(name)] !== undefined);
    await Promise.all(plain.map((name) => this.keep(name, path.join(ASSETS, name))));
  }

  /** @param acceptEncoding the client's header */
  page(acceptEncoding: string | undefined): ServedFile {
    const page = this.file(PAGE, acceptEncoding);
    if (!page) throw new Error('the console has no page');
    return page;
  }

  /** @returns `undefined` if there is no such file */
  asset(name: string, acceptEncoding: string | undefined): ServedFile | undefined {
    return name === PAGE ? undefined : this.file(name, acceptEncoding);
  }

  private file(name: string, acceptEncoding: string | undefined): ServedFile | undefined {
    const kept = this.files.get(name);
    if (!kept) return undefined;
    const encoding = chosenEncoding(acceptEncoding);
    return { type: kept.type, content: encoding ? kept[encoding] : kept.plain, encoding };
  }

  private async keep(name: string, place: string): Promise<void> {
    const file = path.join(FOLDER, place);
    const read = Promise.all([readFile(file), readFile(`${file}.br`), readFile(`${file}.gz`)]);
    const [plain, br, gzip] = await read.catch((cause: unknown) => {
      throw new Error('The console is not built: run npm run build.', { cause });
    });
    this.files.set(name, { type: TYPES[path.extname(name)] ?? 'application/octet-stream', plain, br, gzip });
  }
}
