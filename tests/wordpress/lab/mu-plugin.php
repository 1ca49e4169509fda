<?php
/**
 * Plugin Name: Lab
 *
 * For tests only: no flood check, no mail, and PHP from whoever knows this site's token.
 */

add_filter( 'pre_wp_mail', '__return_true' );

remove_action( 'check_comment_flood', 'check_comment_flood_db', 10 );

add_action(
	'wp_loaded',
	static function () {
		if ( isset( $_POST['lab_token'], $_POST['lab_php'] ) && hash_equals( RELAY_LAB_TOKEN, $_POST['lab_token'] ) ) {
			eval( wp_unslash( $_POST['lab_php'] ) );
			exit;
		}
	}
);
