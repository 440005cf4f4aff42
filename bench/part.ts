/** What the bench is made of: parts that can be run alone, by name. */
import type { Report } from './figure.ts';

export interface PartContext {
  /** Of this part alone, on disk; removed when the part is done. */
  directory: string;
  /** Rounds of each side of a comparison. */
  rounds: number;
  /** Where CPU profiles of the server go; absent: none are made. */
  profileDirectory?: string;
  progress(text: string): void;
}

export interface Part {
  name: string;
  /** One line for `--list`. */
  summary: string;
  run(context: PartContext): Promise<Report>;
}
