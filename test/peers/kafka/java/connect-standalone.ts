/**
 * Connect in one process: a file into a topic and out of it into another file; and once more after it was ended and
 * started.
 */
import { join } from 'node:path';
import { createTopics } from './admin.ts';
import { ConnectedFiles, workerProperties } from './connect-files.ts';
import { JavaProcess } from './jvm.ts';
import { writeProperties } from './properties.ts';
import type { Scenario } from './scenario.ts';

const LINES = 5_000;
const TOPIC = 'standalone';

export const connectStandalone: Scenario = {
  about: 'Connect in one process with the file source and sink, ended and started anew',
  run: async ({ bootstrap, directory, note }) => {
    await createTopics(bootstrap, { names: [TOPIC], partitions: 1 });
    const files = new ConnectedFiles(directory, TOPIC);
    const worker = {
      ...workerProperties(bootstrap),
      'offset.storage.file.filename': join(directory, 'offsets'),
      listeners: 'http://127.0.0.1:0',
    };
    const args = [
      writeProperties(directory, 'worker', worker),
      writeProperties(directory, 'source', files.source),
      writeProperties(directory, 'sink', files.sink),
    ];
    for (const run of ['first', 'second']) {
      // In the second, half of it is added while nothing runs.
      files.append(LINES);
      const connect = new JavaProcess({ main: 'org.apache.kafka.connect.cli.ConnectStandalone', args });
      await files.written();
      files.append(LINES);
      await files.written();
      await files.copied(bootstrap);
      await connect.stop();
      note(`${run} run: ${files.count} lines through a topic, each once and in order`);
    }
  },
};
