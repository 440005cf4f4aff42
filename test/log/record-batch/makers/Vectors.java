/*
 * Prints ../vectors.json: record batches as Kafka's own Java client writes them, for `npm test` to compare with, which
 * needs no Java. Made with Java 17 and, on the class path, org.apache.kafka:kafka-clients:4.2.0 with its dependencies
 * at.yawk.lz4:lz4-java:1.10.1, org.xerial.snappy:snappy-java:1.1.10.7, com.github.luben:zstd-jni:1.5.6-10 and
 * org.slf4j:slf4j-api:1.7.36:
 *
 *   java -cp "$CLASS_PATH" Vectors.java > ../vectors.json
 *   npx biome format --write ../vectors.json
 *
 * With arguments it reads instead: each is a file of record batches, whose records it prints, one a line, after checking
 * each batch as a broker does.
 */
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.CompressionType;
import org.apache.kafka.common.record.ControlRecordType;
import org.apache.kafka.common.record.DefaultRecordBatch;
import org.apache.kafka.common.record.EndTransactionMarker;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.MemoryRecordsBuilder;
import org.apache.kafka.common.record.MutableRecordBatch;
import org.apache.kafka.common.record.Record;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.record.SimpleRecord;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.utils.BufferSupplier;

class Vectors {
    static final long T = 1767225600000L;
    static final List<String> entries = new ArrayList<>();

    public static void main(String[] arguments) throws Exception {
        if (arguments.length > 0) {
            for (String file : arguments) read(file);
            return;
        }
        for (CompressionType type : CompressionType.values()) {
            plain("one record, " + type.name, type, List.of(simple(T, "key", "value")));
            plain("a mix, " + type.name, type, mix());
            if (type != CompressionType.NONE) plain("several blocks, " + type.name, type, blocks());
        }
        List<SimpleRecord> three = List.of(simple(T, "a", "1"), simple(T + 5, "b", "2"), simple(T + 3, null, "3"));
        batch("idempotent", CompressionType.NONE, TimestampType.CREATE_TIME, 0, -1, 9007199254740993L, (short) 7, 41, false, three);
        batch("transactional", CompressionType.NONE, TimestampType.CREATE_TIME, 0, -1, 1000, (short) 0, 2147483646, true, three);
        batch("as a broker stores it", CompressionType.LZ4, TimestampType.CREATE_TIME, 123456789012L, 17, -1, (short) -1, -1, false, three);
        batch("log append time", CompressionType.NONE, TimestampType.LOG_APPEND_TIME, 42, 3, -1, (short) -1, -1, false, three);
        plain("no timestamps", CompressionType.NONE, List.of(simple(-1, "a", "1"), simple(-1, "b", "2")));
        plain("timestamps far apart", CompressionType.NONE, List.of(
            simple(T, "a", "1"), simple(0, "b", "2"), simple(9007199254740991L, "c", "3"), simple(T + (1L << 31), "d", "4")));
        many("300 records", 300);
        raw("a commit marker", MemoryRecords.withEndTransactionMarker(7, T, 5, 1000, (short) 3,
            new EndTransactionMarker(ControlRecordType.COMMIT, 2)).buffer());
        compacted();
        emptied();
        appendTimeSet();
        System.out.println("{\n  \"made\": \"by makers/Vectors.java with org.apache.kafka:kafka-clients:4.2.0\",\n  \"batches\": [\n"
            + String.join(",\n", entries) + "\n  ]\n}");
    }

    static List<SimpleRecord> mix() {
        Header[] headers = {
            new RecordHeader("trace", utf8("abc")), new RecordHeader("trace", utf8("")), new RecordHeader("", null),
            new RecordHeader("größe-😀", new byte[] {0, -1, -128, 127})};
        return List.of(
            new SimpleRecord(T, utf8("k1"), utf8("v1"), headers),
            new SimpleRecord(T - 10, null, utf8("no key"), Record.EMPTY_HEADERS),
            new SimpleRecord(T + 64, utf8("tombstone"), null, Record.EMPTY_HEADERS),
            new SimpleRecord(T + 8192, new byte[0], new byte[0], Record.EMPTY_HEADERS),
            new SimpleRecord(T, (byte[]) null, (byte[]) null, new Header[] {new RecordHeader("h", utf8("x".repeat(200)))}));
    }

    /** More than one block of every codec: compressible, then not, then the first again. */
    static List<SimpleRecord> blocks() {
        return List.of(new SimpleRecord(T, lines(4000)), new SimpleRecord(T, noise(3000)), new SimpleRecord(T, lines(40)));
    }

    static byte[] lines(int count) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < count; i++) text.append("line ").append(i).append(" of a value\n");
        return utf8(text.toString());
    }

    static byte[] noise(int count) {
        byte[] bytes = new byte[count];
        long state = 1;
        for (int i = 0; i < count; i++) {
            state = (state * 1103515245L + 12345L) & 0x7fffffffL;
            bytes[i] = (byte) (state >> 16);
        }
        return bytes;
    }

    static void plain(String name, CompressionType type, List<SimpleRecord> records) {
        batch(name, type, TimestampType.CREATE_TIME, 0, -1, -1, (short) -1, -1, false, records);
    }

    static void many(String name, int count) {
        List<SimpleRecord> records = new ArrayList<>();
        for (int i = 0; i < count; i++) records.add(simple(T + i, "key " + i, "value " + i));
        plain(name, CompressionType.NONE, records);
    }

    static void batch(String name, CompressionType type, TimestampType timestampType, long baseOffset, int leaderEpoch,
                      long producerId, short producerEpoch, int baseSequence, boolean transactional,
                      List<SimpleRecord> records) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1024), RecordBatch.MAGIC_VALUE_V2,
            Compression.of(type).build(), timestampType, baseOffset, T + 77, producerId, producerEpoch, baseSequence,
            transactional, leaderEpoch);
        for (SimpleRecord record : records) builder.append(record);
        raw(name, builder.build().buffer());
    }

    /** What the log cleaner leaves of a batch: two of five records gone, one a tombstone with a delete horizon. */
    static void compacted() {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1024), RecordBatch.MAGIC_VALUE_V2,
            Compression.NONE, TimestampType.CREATE_TIME, 10, T, 5, (short) 0, 0, false, 1);
        for (int i = 0; i < 5; i++) builder.append(simple(T + i, "k" + i, i == 3 ? null : "v" + i));
        ByteBuffer filtered = ByteBuffer.allocate(1024);
        builder.build().filterTo(new MemoryRecords.RecordFilter(T + 100, 1000) {
            @Override
            public BatchRetentionResult checkBatchRetention(RecordBatch batch) {
                return new BatchRetentionResult(BatchRetention.DELETE_EMPTY, true);
            }
            @Override
            public boolean shouldRetainRecord(RecordBatch batch, Record record) {
                return record.offset() != 10 && record.offset() != 14;
            }
        }, filtered, BufferSupplier.NO_CACHING);
        filtered.flip();
        raw("compacted, with a delete horizon", filtered);
    }

    static void emptied() {
        ByteBuffer buffer = ByteBuffer.allocate(DefaultRecordBatch.RECORD_BATCH_OVERHEAD);
        DefaultRecordBatch.writeEmptyHeader(buffer, RecordBatch.MAGIC_VALUE_V2, 5, (short) 2, 30, 100, 104, 9,
            TimestampType.CREATE_TIME, T, false, false);
        buffer.flip();
        raw("emptied by compaction", buffer);
    }

    /** A producer's batch after the broker has given it its time. */
    static void appendTimeSet() {
        MemoryRecords records = MemoryRecords.withRecords(Compression.gzip().build(), simple(T, "a", "1"), simple(T + 1, "b", "2"));
        for (MutableRecordBatch batch : records.batches()) {
            batch.setMaxTimestamp(TimestampType.LOG_APPEND_TIME, T + 5000);
            batch.setLastOffset(1001);
            batch.setPartitionLeaderEpoch(12);
        }
        raw("made log append time by the broker", records.buffer());
    }

    static void raw(String name, ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        RecordBatch batch = MemoryRecords.readableRecords(ByteBuffer.wrap(bytes)).batches().iterator().next();
        batch.ensureValid();
        List<String> records = new ArrayList<>();
        for (Record record : batch) records.add("        " + json(record));
        DefaultRecordBatch header = (DefaultRecordBatch) batch;
        entries.add("    {\n      \"name\": \"" + name + "\",\n      \"header\": {"
            + "\"sizeBytes\": " + batch.sizeInBytes() + ", \"baseOffset\": " + batch.baseOffset()
            + ", \"leaderEpoch\": " + batch.partitionLeaderEpoch() + ", \"magic\": " + batch.magic()
            + ", \"crc\": " + batch.checksum() + ", \"compression\": \"" + batch.compressionType().name + "\""
            + ", \"timestampType\": \"" + batch.timestampType() + "\", \"transactional\": " + batch.isTransactional()
            + ", \"control\": " + batch.isControlBatch() + ", \"deleteHorizon\": " + batch.deleteHorizonMs().isPresent()
            + ", \"lastOffsetDelta\": " + (batch.lastOffset() - batch.baseOffset())
            + ", \"baseTimestamp\": " + header.baseTimestamp() + ", \"maxTimestamp\": " + batch.maxTimestamp()
            + ", \"producerId\": \"" + batch.producerId() + "\", \"producerEpoch\": " + batch.producerEpoch()
            + ", \"baseSequence\": " + batch.baseSequence() + ", \"recordCount\": " + batch.countOrNull() + "},\n"
            + "      \"records\": [\n" + String.join(",\n", records) + "\n      ],\n"
            + "      \"bytes\": \"" + Base64.getEncoder().encodeToString(bytes) + "\"\n    }");
    }

    static String json(Record record) {
        List<String> headers = new ArrayList<>();
        for (Header header : record.headers())
            headers.add("[\"" + header.key() + "\", " + json(header.value() == null ? null : ByteBuffer.wrap(header.value())) + "]");
        return "{\"offset\": " + record.offset() + ", \"timestamp\": " + record.timestamp() + ", \"key\": " + json(record.key())
            + ", \"value\": " + json(record.value()) + ", \"headers\": [" + String.join(", ", headers) + "]}";
    }

    /** Base64, or how to make the bytes where they are long. */
    static String json(ByteBuffer buffer) {
        if (buffer == null) return "null";
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        for (int count : new int[] {4000, 40})
            if (java.util.Arrays.equals(bytes, lines(count))) return "{\"lines\": " + count + "}";
        if (java.util.Arrays.equals(bytes, noise(3000))) return "{\"noise\": 3000}";
        return "\"" + Base64.getEncoder().encodeToString(bytes) + "\"";
    }

    static void read(String file) throws Exception {
        byte[] bytes = Files.readAllBytes(Path.of(file));
        int read = 0;
        for (MutableRecordBatch batch : MemoryRecords.readableRecords(ByteBuffer.wrap(bytes)).batches()) {
            batch.ensureValid();
            read += batch.sizeInBytes();
            for (Record record : batch) System.out.println(json(record));
        }
        if (read != bytes.length) throw new IllegalStateException(file + ": read " + read + " of " + bytes.length + " bytes");
    }

    static SimpleRecord simple(long timestamp, String key, String value) {
        return new SimpleRecord(timestamp, key == null ? null : utf8(key), value == null ? null : utf8(value));
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
