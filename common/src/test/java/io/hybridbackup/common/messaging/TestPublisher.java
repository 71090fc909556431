package io.hybridbackup.common.messaging;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RetriableException;
import org.jspecify.annotations.Nullable;

/** A publisher without a broker. */
public final class TestPublisher {
  private TestPublisher() {}

  /**
   * @param broker gets each record that is not progress; if it throws a {@link RetriableException}
   *     it has not confirmed the record
   */
  public static EventPublisher to(Consumer<ProducerRecord<String, byte[]>> broker) {
    return new EventPublisher(new Confirming(broker), new Confirming(progress -> {}));
  }

  private static final class Confirming extends MockProducer<String, byte[]> {
    private final Consumer<ProducerRecord<String, byte[]>> broker;

    Confirming(Consumer<ProducerRecord<String, byte[]>> broker) {
      this.broker = broker;
    }

    @Override
    @SuppressWarnings("UnsynchronizedOverridesSynchronized") // likewise
    public Future<RecordMetadata> send(
        ProducerRecord<String, byte[]> record, @Nullable Callback callback) {
      return send(record);
    }

    @Override
    @SuppressWarnings("UnsynchronizedOverridesSynchronized") // others publish while one waits
    public Future<RecordMetadata> send(ProducerRecord<String, byte[]> record) {
      try {
        broker.accept(record);
      } catch (RetriableException e) {
        return CompletableFuture.failedFuture(e);
      }
      return CompletableFuture.completedFuture(
          new RecordMetadata(new TopicPartition(record.topic(), 0), 0, 0, 0, 0, 0));
    }
  }
}
