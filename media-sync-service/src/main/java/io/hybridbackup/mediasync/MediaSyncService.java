package io.hybridbackup.mediasync;

import org.springframework.boot.SpringApplication;

/** The program that runs this service alone. */
public final class MediaSyncService {
  private MediaSyncService() {}

  public static void main(String[] arguments) {
    SpringApplication.run(MediaSyncConfiguration.class, arguments);
  }
}
