package io.hybridbackup.mediasync;

import io.hybridbackup.common.settings.Secret;
import io.hybridbackup.common.settings.ServiceProgram;

/** The program that runs this service alone: {@code --config FILE}. */
public final class MediaSyncService {
  private MediaSyncService() {}

  public static void main(String[] arguments) {
    ServiceProgram.run(MediaSyncConfiguration.class, arguments, Secret.OBJECT_STORE);
  }
}
