<?php

final class UsersTest extends RelayTestCase {

	private function user( $login = 'jane' ) {
		return wp_insert_user(
			array(
				'user_login'   => $login,
				'user_pass'    => 'never-to-be-seen',
				'user_email'   => 'jane@example.org',
				'display_name' => 'Jane Doe',
				'role'         => 'subscriber',
			)
		);
	}

	public function test_a_new_user_is_sent_without_the_password() {
		$id   = $this->user();
		$data = $this->sent( 'user.registered' );
		$this->assertSame( array( $id, 'jane', 'jane@example.org', 'Jane Doe', array( 'subscriber' ) ), array( $data['id'], $data['login'], $data['email'], $data['name'], $data['roles'] ) );
		$this->assertStringNotContainsString( 'pass', wp_json_encode( $data ) );
		$this->assertMatchesRegularExpression( '/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/', $data['created_at'] );
	}

	public function test_a_user_that_is_deleted_at_once_is_not_sent() {
		require_once ABSPATH . 'wp-admin/includes/user.php';
		wp_delete_user( $this->user() );
		$this->assertSame( array(), $this->send_all() );
		$this->assertSame( 'withdrawn', $this->rows()[0]->state );
	}

	public function test_an_excluded_address_is_not_sent_as_the_login() {
		$this->choose( array( 'fields' => array( 'users.email' => 0 ) ) );
		$this->user( 'jane@example.org' );
		$this->assertStringNotContainsString( 'example.org', wp_json_encode( $this->sent( 'user.registered' ) ) );
	}
}
