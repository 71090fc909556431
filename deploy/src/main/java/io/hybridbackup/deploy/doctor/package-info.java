/**
 * Looks an installation over. A {@link io.hybridbackup.deploy.doctor.DoctorCommand} carries out
 * several {@link io.hybridbackup.deploy.doctor.Examination}s at once, each of one thing that can be
 * broken or hang by itself, and prints what they found. None of them changes anything.
 */
@NullMarked
package io.hybridbackup.deploy.doctor;

import org.jspecify.annotations.NullMarked;
