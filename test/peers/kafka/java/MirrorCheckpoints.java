import java.time.Duration;
import java.util.Map;
import org.apache.kafka.connect.mirror.MirrorClient;

/**
 * What a mirrored cluster knows of the one that is mirrored, by MirrorMaker 2's own client: how many hops away that is, which it has from
 * heartbeats, and where a group of it would go on here, which it has from checkpoints: a line for each partition, with its offset.
 *
 *     java -cp 'libs/*' MirrorCheckpoints.java localhost:9092 source group
 */
public final class MirrorCheckpoints {
  public static void main(String[] arguments) throws Exception {
    try (MirrorClient client = new MirrorClient(Map.of("bootstrap.servers", arguments[0]))) {
      System.out.println("hops " + client.replicationHops(arguments[1]));
      client
          .remoteConsumerOffsets(arguments[2], arguments[1], Duration.ofSeconds(20))
          .forEach((partition, position) -> System.out.println(partition + " " + position.offset()));
    }
  }
}
