/** Kafka's command line, as its scripts start it. */
import { runJava } from './jvm.ts';

/** Classes of the scripts in Kafka's `bin`. */
const TOOLS = {
  'kafka-topics': 'org.apache.kafka.tools.TopicCommand',
  'kafka-configs': 'kafka.admin.ConfigCommand',
  'kafka-console-producer': 'org.apache.kafka.tools.ConsoleProducer',
  'kafka-console-consumer': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  'kafka-consumer-groups': 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  'kafka-get-offsets': 'org.apache.kafka.tools.GetOffsetShell',
  'kafka-delete-records': 'org.apache.kafka.tools.DeleteRecordsCommand',
  'kafka-producer-perf-test': 'org.apache.kafka.tools.ProducerPerformance',
  'kafka-consumer-perf-test': 'org.apache.kafka.tools.ConsumerPerformance',
  'kafka-e2e-latency': 'org.apache.kafka.tools.EndToEndLatency',
} as const;

export type Tool = keyof typeof TOOLS;

/** Runs one to its end and gives the lines that it wrote. Options are words, by spaces; `input` is what it reads. */
export async function runTool(tool: Tool, bootstrap: string, options: string, input?: string): Promise<string[]> {
  const args = ['--bootstrap-server', bootstrap, ...options.split(' ')];
  const { stdout } = await runJava({ main: TOOLS[tool], args, ...(input !== undefined && { input }) });
  return stdout.split('\n').filter((line) => line !== '');
}
