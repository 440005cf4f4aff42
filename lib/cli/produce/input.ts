/** Where lines come from: files one after the other, or what is piped in. */
import { constants, createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import { cliLimits } from '../../kernel/limits/cli.ts';
import { Failure } from '../failure.ts';
import { type Line, LineSplitter } from './lines.ts';

export interface LinesOf {
  /** `undefined` for what is piped in where there is nothing else. */
  file: string | undefined;
  lines: Line[];
}

/** Throws a `Failure` where one of them cannot be read, before any is. */
export async function checkFiles(files: readonly string[]): Promise<void> {
  for (const file of files)
    if (file !== '-') await access(file, constants.R_OK).catch((error) => cannotRead(file, error));
}

/** As many at a time as come in one piece. Ends when the signal aborts. */
export async function* readLines(
  files: readonly string[],
  stdin: Readable,
  signal: AbortSignal,
): AsyncGenerator<LinesOf> {
  for (const file of files.length === 0 ? [undefined] : files) {
    if (signal.aborted) return;
    const stream = file === undefined || file === '-' ? stdin : createReadStream(file);
    const splitter = new LineSplitter(cliLimits.cliLineBytesMax);
    try {
      for await (const chunk of addAbortSignal(signal, stream)) {
        yield { file, lines: splitter.push(typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Uint8Array)) };
      }
    } catch (error) {
      if (signal.aborted) return;
      cannotRead(file ?? 'The input', error);
    }
    yield { file, lines: splitter.end() };
  }
}

function cannotRead(file: string, error: unknown): never {
  throw new Failure(`${file} cannot be read: ${(error as Error).message}.`);
}
