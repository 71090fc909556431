package io.hybridbackup.common.store;

import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.awscore.exception.AwsErrorDetails;
import software.amazon.awssdk.core.SdkRequest;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.services.s3.model.S3Exception;

/** Answers requests of one kind like a store without room, before it has done anything. */
final class FullStore implements ExecutionInterceptor {
  private volatile @Nullable Class<? extends SdkRequest> kind;

  void refuse(Class<? extends SdkRequest> ofKind) {
    kind = ofKind;
  }

  @Override
  public void beforeTransmission(
      Context.BeforeTransmission context, ExecutionAttributes attributes) {
    Class<? extends SdkRequest> refused = kind;
    if (refused != null && refused.isInstance(context.request())) {
      throw S3Exception.builder()
          .statusCode(507)
          .awsErrorDetails(
              AwsErrorDetails.builder().errorCode("StorageFull").errorMessage("no room").build())
          .build();
    }
  }
}
