package io.hybridbackup.restore;

import org.springframework.boot.SpringApplication;

/** The program that runs this service alone. */
public final class RestoreService {
  private RestoreService() {}

  public static void main(String[] arguments) {
    SpringApplication.run(RestoreConfiguration.class, arguments);
  }
}
