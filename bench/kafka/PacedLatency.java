import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Sends records at an even pace with Java's own producer and reads them back with Java's own consumer, in one process, and prints how long
 * each was on its way: from the moment at which it was to be sent, so that a producer that falls behind does not hide it, to the poll
 * that returned it.
 *
 * java -cp 'libs/*' PacedLatency.java BOOTSTRAP TOPIC RECORDS_PER_SECOND RECORD_BYTES WARM_UP_SECONDS MEASURED_SECONDS LINGER_MS
 */
public final class PacedLatency {
    private static final long NANOS = 1_000_000_000L;
    /** After the last record was sent, all have to be there by then. */
    private static final long LATE_NANOS = 20 * NANOS;

    public static void main(String[] args) throws Exception {
        String bootstrap = args[0];
        String topic = args[1];
        int perSecond = Integer.parseInt(args[2]);
        int recordBytes = Integer.parseInt(args[3]);
        int warmUp = Integer.parseInt(args[4]) * perSecond;
        int records = warmUp + Integer.parseInt(args[5]) * perSecond;
        String lingerMs = args[6];

        long[] nanos = new long[records];
        AtomicReference<Exception> failure = new AtomicReference<>();
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(consumerProperties(bootstrap))) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                .map(info -> new TopicPartition(topic, info.partition()))
                .collect(Collectors.toList());
            consumer.assign(partitions);
            consumer.seekToEnd(partitions);
            partitions.forEach(consumer::position);

            Thread sender = new Thread(() -> send(bootstrap, topic, perSecond, recordBytes, records, lingerMs, failure), "sender");
            sender.start();
            long lateAt = System.nanoTime() + records * NANOS / perSecond + LATE_NANOS;
            int received = 0;
            while (received < records) {
                if (failure.get() != null) throw failure.get();
                if (System.nanoTime() - lateAt > 0) {
                    throw new IllegalStateException(received + " of " + records + " records came in time");
                }
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(1_000))) {
                    ByteBuffer value = ByteBuffer.wrap(record.value());
                    nanos[value.getInt()] = System.nanoTime() - value.getLong();
                    received++;
                }
            }
            sender.join();
        }
        report(Arrays.copyOfRange(nanos, warmUp, records));
    }

    private static void send(String bootstrap, String topic, int perSecond, int recordBytes, int records, String lingerMs,
                             AtomicReference<Exception> failure) {
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(producerProperties(bootstrap, lingerMs))) {
            producer.partitionsFor(topic);
            long start = System.nanoTime();
            for (int index = 0; index < records; index++) {
                long due = start + index * NANOS / perSecond;
                for (long early = due - System.nanoTime(); early > 0; early = due - System.nanoTime()) {
                    LockSupport.parkNanos(early);
                }
                byte[] value = ByteBuffer.allocate(recordBytes).putInt(index).putLong(due).array();
                producer.send(new ProducerRecord<>(topic, value), (metadata, error) -> {
                    if (error != null) failure.compareAndSet(null, error);
                });
            }
        } catch (RuntimeException error) {
            failure.compareAndSet(null, error);
        }
    }

    private static Properties producerProperties(String bootstrap, String lingerMs) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("acks", "all");
        properties.put("linger.ms", lingerMs);
        properties.put("key.serializer", ByteArraySerializer.class.getName());
        properties.put("value.serializer", ByteArraySerializer.class.getName());
        return properties;
    }

    private static Properties consumerProperties(String bootstrap) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("enable.auto.commit", "false");
        properties.put("key.deserializer", ByteArrayDeserializer.class.getName());
        properties.put("value.deserializer", ByteArrayDeserializer.class.getName());
        return properties;
    }

    private static void report(long[] nanos) {
        Arrays.sort(nanos);
        System.out.printf("{\"records\":%d,\"p50Ms\":%.3f,\"p99Ms\":%.3f,\"p999Ms\":%.3f,\"maxMs\":%.3f}%n",
            nanos.length, millis(nanos, 0.5), millis(nanos, 0.99), millis(nanos, 0.999), millis(nanos, 1));
    }

    private static double millis(long[] sorted, double share) {
        return sorted[(int) Math.min(sorted.length - 1, Math.floor(share * sorted.length))] / 1e6;
    }
}
