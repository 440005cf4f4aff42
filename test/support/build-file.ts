/**
 * A container's build file, carried out without Docker: its instructions in their order, in a directory that stands for
 * the image's root. What the base image brings (Node, as the entry point) is the Node that runs this.
 */
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

export interface BuiltImage {
  /** Of the instruction `FROM`. */
  base: string;
  root: string;
  /** Below `root`, as `command` is. */
  workingDirectory: string;
  command: string[];
  env: Record<string, string>;
  ports: number[];
  user: { uid: number; gid: number };
}

/** Throws for an instruction that is not known here: nothing is passed over. `root` is an empty directory. */
export function carryOutBuildFile(context: string, root: string): BuiltImage {
  const image: BuiltImage = {
    base: '',
    root,
    workingDirectory: root,
    command: [],
    env: {},
    ports: [],
    user: { uid: 0, gid: 0 },
  };
  let directory = '/';
  const steps: Record<string, (rest: string) => void> = {
    FROM: (rest) => {
      image.base = rest;
    },
    WORKDIR: (rest) => {
      directory = resolve(directory, rest);
      image.workingDirectory = join(root, directory);
      mkdirSync(image.workingDirectory, { recursive: true });
    },
    COPY: (rest) => {
      const words = rest.split(/\s+/).filter((word) => !word.startsWith('--'));
      const to = words.pop() as string;
      const isInto = words.length > 1 || to.endsWith('/');
      for (const from of words) {
        const place = join(root, resolve(directory, to), isInto ? basename(from) : '');
        cpSync(join(context, from), place, { recursive: true });
      }
    },
    ENV: (rest) => {
      for (const [, name, value] of rest.matchAll(/([A-Z_0-9]+)=(\S*)/g)) image.env[name as string] = value as string;
    },
    EXPOSE: (rest) => image.ports.push(...rest.split(/\s+/).map(Number)),
    USER: (rest) => {
      const [uid, gid] = rest.split(':').map(Number) as [number, number];
      image.user = { uid, gid };
    },
    CMD: (rest) => {
      const words = JSON.parse(rest) as string[];
      image.command = words.map((word) => (word.startsWith('/') ? join(root, word) : word));
    },
  };
  for (const { name, rest } of instructions(readFileSync(join(context, 'Dockerfile'), 'utf8'))) {
    const step = steps[name];
    if (step === undefined) throw new Error(`The build file has ${name}, which is not known here.`);
    step(rest);
  }
  readOnly(root);
  return image;
}

function instructions(text: string): { name: string; rest: string }[] {
  const lines = text
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
  return lines
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = line, rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
      return { name, rest: rest.trim() };
    });
}

/** For everybody to read and nobody to write, as the root of a task's container is. */
function readOnly(path: string): void {
  const isDirectory = statSync(path).isDirectory();
  if (isDirectory) for (const name of readdirSync(path)) readOnly(join(path, name));
  chmodSync(path, isDirectory ? 0o555 : 0o444);
}
