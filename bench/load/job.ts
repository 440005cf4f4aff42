/** What a load generator is asked to do, and what it answers; both cross a process boundary as JSON. */

export interface LoadRequest {
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string>;
  /** A file with the body; absent for none. */
  bodyFile?: string;
}

export interface LoadJob {
  /** On 127.0.0.1; the generator connects nowhere else. */
  port: number;
  connections: number;
  /** Sent in turn, over and over, whichever connection is free. */
  requests: LoadRequest[];
  /**
   * Instead, every connection sends one of the requests over and over, as an idempotent producer of its own: each
   * request has so many records, which its headers number. 0 sends the same without the headers.
   */
  recordsSequenced?: number;
  /** Before anything is counted. */
  warmUpMs: number;
  /** The round ends at whichever comes first: this time … */
  measuredMs: number;
  /** … or so many answers. */
  answersMax: number;
  /** The process whose CPU time is counted. */
  serverPid: number;
}

export interface LoadResult {
  answers: number;
  /** Answers with another status than 200. */
  failures: number;
  seconds: number;
  /** Of bodies. */
  bytesSent: number;
  bytesReceived: number;
  latencyMsMedian: number;
  latencyMs99: number;
  /** User and system time of all the server's threads while it was measured. */
  serverCpuSeconds: number;
  generatorCpuSeconds: number;
}
