package io.hybridbackup.common.store;

import java.util.concurrent.atomic.AtomicInteger;
import software.amazon.awssdk.core.SdkRequest;
import software.amazon.awssdk.core.exception.RetryableException;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.http.SdkHttpResponse;

/** Loses the answers to requests of one kind, after the store has done what they asked for. */
final class LostAnswers implements ExecutionInterceptor {
  private volatile Class<? extends SdkRequest> kind = SdkRequest.class;
  private final AtomicInteger left = new AtomicInteger();

  void loseNext(int answers, Class<? extends SdkRequest> ofKind) {
    kind = ofKind;
    left.set(answers);
  }

  int left() {
    return left.get();
  }

  @Override
  public SdkHttpResponse modifyHttpResponse(
      Context.ModifyHttpResponse context, ExecutionAttributes attributes) {
    if (kind.isInstance(context.request()) && left.getAndUpdate(n -> Math.max(0, n - 1)) > 0) {
      throw RetryableException.create("the answer was lost");
    }
    return context.httpResponse();
  }
}
