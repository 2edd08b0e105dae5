import type { FileHandle } from 'node:fs/promises';

/** A file at work. Who it is are its device, inode and birth, never its name; the generation counts truncations. */
export interface Followed {
  readonly identity: string;
  readonly file: FileHandle;
  generation: number;
  offset: number;
  size: number;
  /** Milliseconds: when it was made, and last written to. */
  birth: number;
  written: number;
  /** Looks in a row that found it as it was. */
  quiet: number;
  /** Something may be read of it before the next look. */
  due: boolean;
  /** Turns in a row, one a look, that brought nothing: what it has more is half a line, or cannot be read. */
  fruitless: number;
  /** Nothing names it any more: it ends when it is quiet. */
  rotated: boolean;
  path: string;
  /** Its beginning as it was read, see `beginOf`; undefined before anything was. */
  begin: string | undefined;
}

/** The file's content is another's from now on. */
export function startAnew(one: Followed): void {
  one.generation++;
  one.offset = 0;
  one.quiet = 0;
  one.begin = undefined;
}
