package io.hybridbackup.common.store;

import java.net.URI;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArraySet;
import java.util.stream.Stream;
import software.amazon.awssdk.awscore.exception.AwsErrorDetails;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.http.SdkHttpRequest;
import software.amazon.awssdk.services.s3.model.ChecksumAlgorithm;
import software.amazon.awssdk.services.s3.model.CreateMultipartUploadRequest;
import software.amazon.awssdk.services.s3.model.CreateMultipartUploadResponse;
import software.amazon.awssdk.services.s3.model.S3Exception;
import software.amazon.awssdk.services.s3.model.UploadPartRequest;

/**
 * Sends what is meant for AWS to a server at hand, and refuses what AWS refuses of it: parts with a
 * checksum that is not the one of their upload.
 */
final class LikeAws implements ExecutionInterceptor {
  private final URI server;
  private final boolean withoutChecksums;
  private final Set<String> checked = new CopyOnWriteArraySet<>();
  private final Set<String> refused = new CopyOnWriteArraySet<>();

  /**
   * @param withoutChecksums whether parts of an upload with a checksum may lack it
   */
  LikeAws(URI server, boolean withoutChecksums) {
    this.server = server;
    this.withoutChecksums = withoutChecksums;
  }

  /** The checksums that parts were refused for; {@code null} for none. */
  Set<String> refused() {
    return refused;
  }

  @Override
  public SdkHttpRequest modifyHttpRequest(
      Context.ModifyHttpRequest context, ExecutionAttributes attributes) {
    return context.httpRequest().toBuilder()
        .protocol(server.getScheme())
        .host(server.getHost())
        .port(server.getPort())
        .build();
  }

  @Override
  public void afterExecution(Context.AfterExecution context, ExecutionAttributes attributes) {
    if (context.request() instanceof CreateMultipartUploadRequest create
        && create.checksumAlgorithm() == ChecksumAlgorithm.CRC64_NVME
        && context.response() instanceof CreateMultipartUploadResponse created) {
      checked.add(created.uploadId());
    }
  }

  @Override
  public void beforeTransmission(
      Context.BeforeTransmission context, ExecutionAttributes attributes) {
    if (context.request() instanceof UploadPartRequest part && checked.contains(part.uploadId())) {
      List<String> checksums = checksums(context.httpRequest());
      if (!withoutChecksums && checksums.isEmpty()) {
        refuse("null");
      }
      checksums.stream().filter(checksum -> !checksum.equals("crc64nvme")).forEach(this::refuse);
    }
  }

  private static List<String> checksums(SdkHttpRequest request) {
    return request.headers().entrySet().stream()
        .flatMap(header ->
            switch (header.getKey().toLowerCase(Locale.ROOT)) {
              case "x-amz-sdk-checksum-algorithm" -> header.getValue().stream();
              case String name when name.startsWith("x-amz-checksum-") ->
                  Stream.of(name.substring("x-amz-checksum-".length()));
              default -> Stream.empty();
            })
        .map(name -> name.toLowerCase(Locale.ROOT))
        .toList();
  }

  private void refuse(String checksum) {
    refused.add(checksum);
    throw S3Exception.builder()
        .statusCode(400)
        .awsErrorDetails(
            AwsErrorDetails.builder()
                .errorCode("InvalidRequest")
                .errorMessage(
                    "Checksum Type mismatch occurred, expected checksum Type: crc64nvme, actual"
                        + " checksum Type: "
                        + checksum)
                .build())
        .build();
  }
}
